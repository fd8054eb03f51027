import type { Project } from "~/api/types";

const KEY = "rounds.project";

/** The project last looked at, else the first that one may write in. */
export function currentProject(listed: Project[]): number | null {
  const kept = Number(localStorage.getItem(KEY));
  if (listed.some((project) => project.id === kept)) return kept;
  return (listed.find((project) => project.can_write) ?? listed[0])?.id ?? null;
}

export function keepProject(id: number): void {
  localStorage.setItem(KEY, String(id));
}
