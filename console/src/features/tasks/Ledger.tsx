import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { type RefObject, useState } from "react";
import { useTranslation } from "react-i18next";
import { call } from "~/api/client";
import type { Occurrence, Page, Task } from "~/api/types";
import { duration, localTime, percent } from "~/lib/time";
import { ListTable } from "~/ui/ListTable";
import { Loaded } from "~/ui/Page";
import { PAGE_SIZE, paging } from "~/ui/paging";
import { Status } from "~/ui/Status";
import { When } from "~/ui/When";
import { useWord } from "~/ui/words";

/** Every due time of a task, what became of it, and why. */
export function Ledger({ task, live }: { task: Task; live: RefObject<boolean> }) {
  const { t } = useTranslation();
  const word = useWord();
  const [page, setPage] = useState(1);
  const ledger = useQuery({
    queryKey: ["ledger", task.id, page],
    queryFn: () =>
      call<Page<Occurrence> & { kept_since: string }>("GET", `/scheduler/tasks/${task.id}/occurrences`, {
        query: { page, page_size: PAGE_SIZE },
      }),
    refetchInterval: () => (live.current ? false : 15_000),
  });
  return (
    <Loaded query={ledger}>
      {(found) => (
        <>
          {found.total === 0 ? (
            <p className="faint" style={{ margin: 0 }}>
              {task.next_due_at ? t("tasks.firstDue", { time: localTime(task.next_due_at) }) : t("tasks.neverDue")}
            </p>
          ) : (
            <ListTable<Occurrence>
              rowKey={(one) => `${one.due_at} ${one.manual} ${one.firings[0]?.run_id}`}
              dataSource={found.data}
              pagination={paging(page, found.total, (next) => setPage(Number(next)))}
              columns={[
                {
                  title: t("runs.due"),
                  render: (_, one) => (
                    <span>
                      <When at={one.due_at} />{" "}
                      {one.manual && <span className="faint small">{t("trigger.manual")}</span>}
                    </span>
                  ),
                },
                { title: t("tasks.outcome"), render: (_, one) => <Outcome one={one} word={word} /> },
                {
                  title: t("tasks.lag"),
                  render: (_, one) => one.lag_ms !== null && <span className="num">{duration(one.lag_ms)}</span>,
                },
                {
                  title: t("runs.rate"),
                  render: (_, one) => one.firings.some(({ run_id }) => run_id) && <Firings of={one.firings} />,
                },
              ]}
            />
          )}
          {/* That nothing stands before it does not mean that nothing ran. */}
          {new Date(task.created_at) < new Date(found.kept_since) && (
            <p className="faint small" style={{ margin: "12px 0 0" }}>
              {t("tasks.keptSince", { time: localTime(found.kept_since).slice(0, 10) })}
            </p>
          )}
        </>
      )}
    </Loaded>
  );
}

function Outcome({ one, word }: { one: Occurrence; word: ReturnType<typeof useWord> }) {
  const { t } = useTranslation();
  const missed = one.missed && t("tasks.missedMany", { count: one.missed.count, to: localTime(one.missed.to_at) });
  const why = [one.reason && word("reason", one.reason), missed].filter(Boolean).join(" ");
  return (
    <>
      <Status status={one.outcome} /> {why && <span className="faint small">{why}</span>}
    </>
  );
}

/** The runs of a due time; of one alone the outcome has told the state. */
function Firings({ of }: { of: Occurrence["firings"] }) {
  const ran = of.filter(({ run_id }) => run_id);
  return (
    <div>
      {ran.map((one) => (
        <Link key={one.run_id} to={`/runs/${one.run_id}` as "/"} className="actions nowrap">
          {one.max_attempts > 1 && `${one.attempt}/${one.max_attempts}`}{" "}
          {(ran.length > 1 || one.pass_rate === null) && <Status status={one.state} />}{" "}
          {one.pass_rate !== null && <span className="num">{percent(one.pass_rate)}</span>}
        </Link>
      ))}
    </div>
  );
}
