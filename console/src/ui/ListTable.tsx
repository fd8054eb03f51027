import { Table, type TableProps, type TableRef } from "antd";
import { useEffect, useRef } from "react";

/**
 * A table of one line a row; what can be done with a row, in a last column without a written name, stands at the edge.
 * On a telephone each row is a card, in which the columns' names stand before the values.
 */
export function ListTable<T extends object>({ columns = [], ...props }: Omit<TableProps<T>, "size" | "className">) {
  const table = useRef<TableRef>(null);
  useEffect(() => {
    // What is wider than its place is scrolled by keys too.
    const box = table.current?.nativeElement.querySelector<HTMLElement>(".ant-table-content");
    if (box && box.scrollWidth > box.clientWidth) box.tabIndex = 0;
    else box?.removeAttribute("tabindex");
  });
  const named = columns.map((column, index) => ({
    ...column,
    ...(index > 0 && index === columns.length - 1 && typeof column.title !== "string" && { align: "end" as const }),
    onCell: () => ({ "data-label": typeof column.title === "string" ? column.title : undefined }) as object,
  }));
  return <Table<T> ref={table} size="small" className="list" columns={named} {...props} />;
}
