export type Format = "curl" | "Postman" | "OpenAPI" | "HAR";

/** What a text is, by how it begins; null: nothing that is known. */
export function guess(text: string): Format | null {
  if (/^\s*(?:#[^\n]*\n\s*|\$\s*)*curl(?:\.exe)?\s/i.test(text)) return "curl";
  if (/^\s*openapi:|^\s*swagger:/m.test(text.slice(0, 2000))) return "OpenAPI";
  if (!/^\s*\{/.test(text)) return /(?:^|\n)\s*curl\s/.test(text) ? "curl" : null;
  const head = text.slice(0, 20_000);
  if (/"(?:openapi|swagger)"\s*:/.test(head)) return "OpenAPI";
  if (/"_postman_id"\s*:|schema\.getpostman\.com/.test(head)) return "Postman";
  return /"log"\s*:\s*\{/.test(head) ? "HAR" : null;
}
