import { Select } from "antd";

interface Props {
  label: string;
  value: string | undefined;
  options: { value: string; label: string }[];
  onChange: (value: string | undefined) => void;
  width?: number;
}

/** One of some values by which a list is narrowed, or none. */
export function Filter({ label, value, options, onChange, width = 130 }: Props) {
  return (
    <Select
      allowClear
      style={{ width }}
      placeholder={label}
      aria-label={label}
      value={value}
      showSearch={options.length > 10 && { optionFilterProp: "label" }}
      options={options}
      onChange={onChange}
    />
  );
}
