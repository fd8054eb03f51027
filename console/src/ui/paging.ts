export const PAGE_SIZE = 20;

/** How tables page: by the server, twenty rows at a time. */
export function paging(current: number, total: number, onChange: (page: string) => void) {
  return {
    current,
    pageSize: PAGE_SIZE,
    total,
    showSizeChanger: false,
    hideOnSinglePage: true,
    onChange: (next: number) => onChange(String(next)),
  };
}
