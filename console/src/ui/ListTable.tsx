import { Table, type TableProps } from "antd";

/** A table of one line a row. On a telephone each row is a card, in which the columns' names stand before the values. */
export function ListTable<T extends object>({ columns = [], ...props }: Omit<TableProps<T>, "size" | "className">) {
  const named = columns.map((column) => ({
    ...column,
    onCell: () => ({ "data-label": typeof column.title === "string" ? column.title : undefined }) as object,
  }));
  return <Table<T> size="small" className="list" columns={named} {...props} />;
}
