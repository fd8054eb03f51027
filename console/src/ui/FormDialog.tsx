import { Form, Modal } from "antd";
import { type ReactNode, useId } from "react";
import { Failure } from "./Failure";

interface Props<Fields> {
  open: boolean;
  title: ReactNode;
  /** What the button says that hands the form over. */
  ok: string;
  busy: boolean;
  error: unknown;
  initial?: Partial<Fields>;
  onFinish: (fields: Fields) => void;
  onClose: () => void;
  children: ReactNode;
}

/** A form in a dialog: handed over by its button or Enter, or cancelled. */
export function FormDialog<Fields>({
  open,
  title,
  ok,
  busy,
  error,
  initial,
  onFinish,
  onClose,
  children,
}: Props<Fields>) {
  const id = useId();
  return (
    <Modal
      open={open}
      title={title}
      okText={ok}
      okButtonProps={{ htmlType: "submit", form: id }}
      confirmLoading={busy}
      onCancel={onClose}
      centered
      destroyOnHidden
    >
      {Boolean(error) && (
        <div style={{ marginBottom: 16 }}>
          <Failure error={error} />
        </div>
      )}
      <Form<Fields> name={id} layout="vertical" initialValues={initial as object} onFinish={onFinish}>
        {children}
      </Form>
    </Modal>
  );
}
