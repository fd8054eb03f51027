/** The words of the case format that can be run, in the order in which they are offered. */
export const QUERIES = [
  "status",
  "header",
  "cookie",
  "body",
  "bytes",
  "jsonpath",
  "jmespath",
  "xpath",
  "regex",
  "url",
  "duration",
  "ip",
  "certificate",
  "variable",
];
export const PREDICATES = [
  "==",
  "!=",
  "<",
  "<=",
  ">",
  ">=",
  "between",
  "in",
  "contains",
  "starts_with",
  "ends_with",
  "matches",
  "exists",
  "is_empty",
  "is_integer",
  "is_float",
  "is_boolean",
  "is_string",
  "is_list",
  "is_object",
  "is_null",
  "is_date",
  "count",
  "matches_schema",
];
export const METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"];
export const WITHOUT_EXPR = new Set(["status", "body", "bytes", "url", "duration", "ip"]);

/** Whether a predicate compares with a value. */
export function takesValue(predicate: string): boolean {
  return predicate !== "exists" && !predicate.startsWith("is_");
}
