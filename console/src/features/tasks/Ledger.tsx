import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { Pagination } from "antd";
import { type RefObject, useState } from "react";
import { useTranslation } from "react-i18next";
import { call } from "~/api/client";
import type { Occurrence, Page } from "~/api/types";
import { duration, localTime, percent } from "~/lib/time";
import { Loaded } from "~/ui/Page";
import { Status } from "~/ui/Status";
import { When } from "~/ui/When";
import { useWord } from "~/ui/words";

/** Every due time of a task, what became of it, and why. */
export function Ledger({ id, firstDue, live }: { id: number; firstDue: string | null; live: RefObject<boolean> }) {
  const { t } = useTranslation();
  const word = useWord();
  const [page, setPage] = useState(1);
  const ledger = useQuery({
    queryKey: ["ledger", id, page],
    queryFn: () =>
      call<Page<Occurrence> & { kept_since: string }>("GET", `/scheduler/tasks/${id}/occurrences`, {
        query: { page, page_size: 20 },
      }),
    refetchInterval: () => (live.current ? false : 15_000),
  });
  return (
    <Loaded query={ledger}>
      {(found) =>
        found.total === 0 ? (
          <>
            <p className="faint">
              {firstDue ? t("tasks.firstDue", { time: localTime(firstDue) }) : t("tasks.neverDue")}
            </p>
            <KeptSince at={found.kept_since} />
          </>
        ) : (
          <div style={{ overflowX: "auto" }}>
            <table className="grid cards">
              <thead>
                <tr>
                  <th>{t("runs.due")}</th>
                  <th>{t("tasks.outcome")}</th>
                  <th>{t("tasks.lag")}</th>
                  <th>{t("tasks.reason")}</th>
                  <th>{t("tasks.attempts")}</th>
                </tr>
              </thead>
              <tbody>
                {found.data.map((one) => (
                  <tr key={`${one.due_at} ${one.manual} ${one.firings[0]?.run_id}`}>
                    <td>
                      <When at={one.due_at} />{" "}
                      {one.manual && <span className="faint small">{t("trigger.manual")}</span>}
                    </td>
                    <td>
                      <Status status={one.outcome} />
                    </td>
                    <td className="num" data-label={t("tasks.lag")}>
                      {duration(one.lag_ms)}
                    </td>
                    <td>
                      {one.reason && word("reason", one.reason)}
                      {one.missed &&
                        ` ${t("tasks.missedMany", { count: one.missed.count, to: localTime(one.missed.to_at) })}`}
                    </td>
                    <td>
                      {one.firings.map((firing) =>
                        firing.run_id ? (
                          <Link key={firing.run_id} to={`/runs/${firing.run_id}` as "/"} className="actions nowrap">
                            {firing.max_attempts > 1 && `${firing.attempt}/${firing.max_attempts}`}{" "}
                            <Status status={firing.state} /> {percent(firing.pass_rate)}
                          </Link>
                        ) : null,
                      )}
                    </td>
                  </tr>
                ))}
              </tbody>
            </table>
            {found.total > 20 && (
              <Pagination
                current={page}
                pageSize={20}
                total={found.total}
                showSizeChanger={false}
                onChange={setPage}
                style={{ marginTop: 12 }}
              />
            )}
            <KeptSince at={found.kept_since} />
          </div>
        )
      }
    </Loaded>
  );
}

/** From when on the ledger is kept: that nothing stands before it does not mean that nothing ran. */
function KeptSince({ at }: { at: string }) {
  const { t } = useTranslation();
  return (
    <p className="faint small" style={{ marginBottom: 0 }}>
      {t("tasks.keptSince", { time: localTime(at).slice(0, 10) })}
    </p>
  );
}
