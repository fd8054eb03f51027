import { Tooltip } from "antd";
import { useTranslation } from "react-i18next";
import { localTime, offsetAt, relative, shortTime, utcTime } from "~/lib/time";

interface Props {
  /** An instant in UTC; null shows a dash. */
  at: string | null | undefined;
  /** Also say how far away it is. */
  far?: boolean;
  full?: boolean;
}

/** A time in the reader's zone; the tooltip tells the offset and UTC. */
export function When({ at, far, full }: Props) {
  const { i18n } = useTranslation();
  if (!at) return <span>–</span>;
  return (
    <Tooltip title={`${localTime(at)} ${offsetAt(at)} · ${utcTime(at)}`}>
      <time dateTime={at} className="num nowrap">
        {full ? `${localTime(at)} ${offsetAt(at)}` : shortTime(at)}
        {far && <span className="faint"> · {relative(at, i18n.language)}</span>}
      </time>
    </Tooltip>
  );
}
