import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { App, Button } from "antd";
import { useTranslation } from "react-i18next";
import { call } from "~/api/client";
import { projects } from "~/api/queries";
import { useSession } from "~/api/session";
import type { Cursor, Run, Upcoming } from "~/api/types";
import { useSample } from "~/features/projects/sample";
import { useRunName } from "~/features/runs/name";
import { RunRate } from "~/features/runs/RunRate";
import { Trends } from "~/features/runs/Trends";
import { visible } from "~/lib/bidi";
import { copyText } from "~/lib/copy";
import { duration } from "~/lib/time";
import { Empty } from "~/ui/Empty";
import { Failure } from "~/ui/Failure";
import { Loaded, Page } from "~/ui/Page";
import { Status } from "~/ui/Status";
import { When } from "~/ui/When";
import { currentProject } from "./project";

const BAD = new Set(["failed", "error"]);

/** What needs the reader, what comes next, what ran last; before there is anything: three steps to begin with. */
export function HomePage() {
  const { t } = useTranslation();
  const user = useSession()?.user;
  const listed = useQuery(projects);
  const runs = useQuery({
    queryKey: ["runs", "home"],
    queryFn: () => call<Cursor<Run>>("GET", "/runs", { query: { limit: 10 } }),
    refetchInterval: 15_000,
  });
  const mine = useQuery({
    queryKey: ["runs", "mine"],
    queryFn: () => call<Cursor<Run>>("GET", "/runs", { query: { owner: "me", limit: 50 } }),
  });
  const upcoming = useQuery({
    queryKey: ["upcoming"],
    queryFn: () => call<Upcoming>("GET", "/scheduler/upcoming", { query: { hours: 24 } }),
  });
  const pid = currentProject(listed.data?.data ?? []);
  const write = listed.data?.data.some((one) => one.id === pid && one.can_write);
  const latest = new Map<number, Run>();
  for (const run of mine.data?.data ?? []) if (run.task_id && !latest.has(run.task_id)) latest.set(run.task_id, run);
  const urgent = [...latest.values()].filter((run) => BAD.has(run.status));
  const begins =
    listed.data?.total === 0 ||
    (runs.data?.data.length === 0 && listed.data?.data.every((project) => project.case_count === 0));
  const asked = [runs, mine, upcoming];
  const down = asked.every((query) => query.error && query.data === undefined);
  return (
    <Page
      title={t("home.welcome", { name: user?.name || user?.username })}
      actions={
        write && (
          <Link to={`/p/${pid}/cases/new` as "/"}>
            <Button type={begins ? "default" : "primary"}>{t("cases.new")}</Button>
          </Link>
        )
      }
    >
      <Loaded query={listed}>
        {(page) =>
          begins ? (
            <Checklist pid={write ? pid : null} some={page.total > 0} />
          ) : down ? (
            <Failure
              error={runs.error}
              retry={() => {
                for (const query of asked) void query.refetch();
              }}
            />
          ) : (
            <div className="stack">
              <div className="halves">
                <section className="panel">
                  <h2>{t("home.urgent")}</h2>
                  <Loaded query={mine}>
                    {() =>
                      urgent.length ? <RunLines runs={urgent} /> : <p className="faint">{t("home.nothingUrgent")}</p>
                    }
                  </Loaded>
                </section>
                <section className="panel">
                  <h2>{t("home.upcoming")}</h2>
                  <Loaded query={upcoming}>
                    {({ data }) =>
                      data.length ? (
                        <table className="grid">
                          <tbody>
                            {firstOfEach(data).map(({ one, more }) => (
                              <tr key={`${one.task_id} ${one.at}`}>
                                <td>
                                  <Link to={`/tasks/${one.task_id}` as "/"} className="name">
                                    {visible(one.task_name)}
                                  </Link>{" "}
                                  {more > 0 && <span className="faint small">{t("home.more", { count: more })}</span>}
                                </td>
                                <td style={{ textAlign: "end" }}>
                                  <When at={one.at} far />
                                </td>
                              </tr>
                            ))}
                          </tbody>
                        </table>
                      ) : (
                        <Empty text={t("home.nothingDue")}>
                          {page.data.some((one) => one.can_write) && (
                            <Link to="/tasks/new">
                              <Button>{t("tasks.new")}</Button>
                            </Link>
                          )}
                        </Empty>
                      )
                    }
                  </Loaded>
                </section>
              </div>
              {pid && <ProjectTrend pid={pid} name={page.data.find((one) => one.id === pid)?.name ?? ""} />}
              <section className="panel">
                <div className="actions" style={{ justifyContent: "space-between", alignItems: "baseline" }}>
                  <h2>{t("home.lastRuns")}</h2>
                  <Link to="/runs">{t("home.allRuns")}</Link>
                </div>
                <Loaded query={runs}>
                  {({ data }) => (data.length ? <RunLines runs={data} /> : <p className="faint">{t("runs.none")}</p>)}
                </Loaded>
              </section>
            </div>
          )
        }
      </Loaded>
    </Page>
  );
}

/** The next time of each task, and how many more follow. */
function firstOfEach(times: Upcoming["data"]) {
  const tasks = new Map<number, { one: Upcoming["data"][number]; more: number }>();
  for (const one of times) {
    const first = tasks.get(one.task_id);
    if (first) first.more++;
    else tasks.set(one.task_id, { one, more: 0 });
  }
  return [...tasks.values()].slice(0, 8);
}

function ProjectTrend({ pid, name }: { pid: number; name: string }) {
  const { t } = useTranslation();
  return (
    <section className="panel">
      <h2>{t("home.trend", { name: visible(name) })}</h2>
      <Trends by={{ project_id: pid }} title={null} none={t("runs.noTrend")} />
    </section>
  );
}

function RunLines({ runs }: { runs: Run[] }) {
  const { t } = useTranslation();
  const nameOf = useRunName();
  return (
    <div style={{ overflowX: "auto" }}>
      <table className="grid cards">
        <thead>
          <tr>
            <th>{t("runs.status")}</th>
            <th>{t("runs.name")}</th>
            <th>{t("runs.rate")}</th>
            <th>{t("runs.duration")}</th>
            <th>{t("runs.started")}</th>
          </tr>
        </thead>
        <tbody>
          {runs.map((run) => (
            <tr key={run.run_id}>
              <td>
                <Status status={run.status} />
              </td>
              <td>
                <Link to={`/runs/${run.run_id}` as "/"} className="name">
                  {nameOf(run)}
                </Link>
              </td>
              <td data-label={t("runs.rate")}>
                <RunRate run={run} />{" "}
                {run.new > 0 && <span className="bad small nowrap">{t("runs.new", { count: run.new })}</span>}
              </td>
              <td className="num nowrap" data-label={t("runs.duration")}>
                {duration(run.duration_ms)}
              </td>
              <td data-label={t("runs.started")}>
                <When at={run.started_at ?? run.created_at} />
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function Checklist({ pid, some }: { pid: number | null; some: boolean }) {
  const { t } = useTranslation();
  const user = useSession()?.user;
  const { message } = App.useApp();
  const sample = useSample();
  if (!user?.is_superuser && pid === null) {
    const request = t("home.request", { name: user?.username });
    const copy = () => copyText(request).then(() => message.success(t("action.copied")));
    return (
      <section className="panel">
        <Empty text={t("home.askAdmin", { name: user?.username })}>
          <Button type="primary" onClick={() => void copy()}>
            {t("home.copyRequest")}
          </Button>
          {some && (
            <Link to="/projects">
              <Button>{t("home.lookAround")}</Button>
            </Link>
          )}
        </Empty>
      </section>
    );
  }
  const steps = [
    {
      key: "sample",
      text: t("home.step1"),
      action: user?.is_superuser && (
        <Button type="primary" loading={sample.isPending} onClick={() => sample.mutate()}>
          {t("home.loadSample")}
        </Button>
      ),
    },
    {
      key: "curl",
      text: t("home.step2"),
      action: pid ? (
        <Link to={`/p/${pid}/import` as "/"}>
          <Button>{t("curl.paste")}</Button>
        </Link>
      ) : (
        <Link to="/projects">
          <Button>{t("projects.new")}</Button>
        </Link>
      ),
    },
    {
      key: "task",
      text: t("home.step3"),
      action: pid && (
        <Link to="/tasks/new">
          <Button>{t("tasks.new")}</Button>
        </Link>
      ),
    },
  ];
  return (
    <section className="panel" style={{ maxWidth: 760, marginInline: "auto" }}>
      <h2>{t("home.begin")}</h2>
      {sample.error && <Failure error={sample.error} retry={() => sample.mutate()} />}
      <ol className="steps-list">
        {steps.map((step) => (
          <li key={step.key}>
            <span>{step.text}</span>
            {step.action}
          </li>
        ))}
      </ol>
    </section>
  );
}
