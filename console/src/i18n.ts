import i18n from "i18next";
import { initReactI18next } from "react-i18next";
import en from "./locales/en.json";
import zh from "./locales/zh-CN.json";

export type Language = "zh" | "en";

declare module "i18next" {
  interface CustomTypeOptions {
    defaultNS: "translation";
    resources: { translation: typeof zh };
  }
}

const KEY = "rounds.language";

/** The language kept on this browser, else the browser's own. */
function preferred(): Language {
  const kept = localStorage.getItem(KEY);
  if (kept === "zh" || kept === "en") return kept;
  return navigator.language.toLowerCase().startsWith("zh") ? "zh" : "en";
}

function mark(language: string): void {
  document.documentElement.lang = language === "en" ? "en" : "zh-CN";
}

void i18n.use(initReactI18next).init({
  lng: preferred(),
  fallbackLng: "zh",
  resources: { zh: { translation: zh }, en: { translation: en } },
  interpolation: { escapeValue: false },
  returnNull: false,
});
mark(i18n.language);

export function setLanguage(language: Language): void {
  localStorage.setItem(KEY, language);
  mark(language);
  void i18n.changeLanguage(language);
}

const OWED = "rounds.language.owed";

/** Remember that the choice was made before anyone was logged in: the server does not know it yet. */
export function oweLanguage(): void {
  localStorage.setItem(OWED, "1");
}

/** Whether the server is still to be told; it is asked for once. */
export function takeOwedLanguage(): boolean {
  const owed = localStorage.getItem(OWED) !== null;
  localStorage.removeItem(OWED);
  return owed;
}

export function hasChosenLanguage(): boolean {
  return localStorage.getItem(KEY) !== null;
}

export default i18n;
