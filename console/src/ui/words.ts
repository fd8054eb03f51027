import { useTranslation } from "react-i18next";

/** The server's own words (`status`, `failure`, `reason` …) in the reader's language; a word that is new to the page stays. */
export function useWord(): (group: string, word: string) => string {
  const { t, i18n } = useTranslation();
  return (group, word) => {
    const key = `${group}.${word}`;
    return i18n.exists(key) ? t(key as "status.passed") : word;
  };
}
