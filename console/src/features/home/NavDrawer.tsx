import { Drawer } from "antd";
import type { ReactNode } from "react";

/** The sections, where the page has no room for them at its side. */
export default function NavDrawer({ onClose, children }: { onClose: () => void; children: ReactNode }) {
  return (
    <Drawer
      open
      onClose={onClose}
      placement="left"
      size={240}
      title="Rounds"
      styles={{ body: { padding: 8 } }}
      onClick={onClose}
    >
      {children}
    </Drawer>
  );
}
