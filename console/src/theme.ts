import { type ThemeConfig, theme } from "antd";
import { useSyncExternalStore } from "react";

export type Mode = "system" | "light" | "dark";

const KEY = "rounds.theme";
const listeners = new Set<() => void>();
const system = window.matchMedia("(prefers-color-scheme: dark)");
let mode: Mode = (localStorage.getItem(KEY) as Mode | null) ?? "system";

function isDark(): boolean {
  return mode === "dark" || (mode === "system" && system.matches);
}

function apply(): void {
  document.documentElement.dataset.theme = isDark() ? "dark" : "light";
  for (const listener of listeners) listener();
}

system.addEventListener("change", apply);
apply();

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

export function setMode(next: Mode): void {
  mode = next;
  localStorage.setItem(KEY, next);
  apply();
}

export function useMode(): Mode {
  return useSyncExternalStore(subscribe, () => mode);
}

export function useDark(): boolean {
  return useSyncExternalStore(subscribe, isDark);
}

const fontFamily =
  '-apple-system, BlinkMacSystemFont, "Segoe UI", "PingFang SC", "Microsoft YaHei", "Noto Sans CJK SC", "Noto Sans", sans-serif';
const fontFamilyCode =
  'ui-monospace, "SF Mono", "Cascadia Mono", Menlo, Consolas, "Noto Sans Mono", "DejaVu Sans Mono", monospace';

/** Tokens chosen for a contrast of at least 4.5:1 on every surface. */
export function themeOf(dark: boolean): ThemeConfig {
  return {
    algorithm: dark ? theme.darkAlgorithm : theme.defaultAlgorithm,
    token: {
      fontFamily,
      fontFamilyCode,
      borderRadius: 6,
      ...(dark
        ? {
            colorPrimary: "#1668dc",
            colorError: "#ff7875",
            colorLink: "#69a9ff",
            colorTextDescription: "#a6a6a6",
            colorTextPlaceholder: "#9a9a9a",
            colorTextTertiary: "#a6a6a6",
          }
        : {
            colorPrimary: "#0958d9",
            colorError: "#cf1322",
            colorLink: "#0958d9",
            colorTextDescription: "#595959",
            colorTextPlaceholder: "#6b6b6b",
            colorTextTertiary: "#595959",
            colorBgLayout: "#f5f6f8",
          }),
    },
    components: {
      Button: { primaryShadow: "none", defaultShadow: "none", dangerShadow: "none" },
      Segmented: dark ? { trackBg: "#1f1f1f", itemSelectedBg: "#3a3a3a" } : {},
      Layout: dark
        ? { headerBg: "#141414", siderBg: "#141414", bodyBg: "#0a0a0a" }
        : { headerBg: "#ffffff", siderBg: "#ffffff", bodyBg: "#f5f6f8" },
      Menu: {
        itemBorderRadius: 6,
        activeBarBorderWidth: 0,
        itemMarginInline: 8,
        ...(dark && { itemSelectedColor: "#69a9ff" }),
      },
      Tabs: dark ? { itemSelectedColor: "#69a9ff", itemHoverColor: "#69a9ff", inkBarColor: "#69a9ff" } : {},
      Descriptions: dark ? { labelColor: "#a6a6a6" } : { labelColor: "#595959" },
      Table: {
        cellPaddingBlock: 10,
        headerSplitColor: "transparent",
        rowSelectedBg: dark ? "#15325b" : "#e2ecfb",
        rowSelectedHoverBg: dark ? "#15325b" : "#d6e4fa",
      },
    },
  };
}
