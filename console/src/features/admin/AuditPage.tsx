import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { useNavigate, useSearch } from "@tanstack/react-router";
import { useTranslation } from "react-i18next";
import { call } from "~/api/client";
import { projects } from "~/api/queries";
import type { AuditEntry, Page as PageOf } from "~/api/types";
import { visible } from "~/lib/bidi";
import type { Json } from "~/lib/json";
import { Filter } from "~/ui/Filter";
import { ListTable } from "~/ui/ListTable";
import { Mono, Value } from "~/ui/Mono";
import { Loaded, Page } from "~/ui/Page";
import { PAGE_SIZE, paging } from "~/ui/paging";
import { When } from "~/ui/When";
import { useWord } from "~/ui/words";

const ACTIONS = [
  ...["session.started", "session.ended", "session.refused", "token.created", "token.deleted"],
  ...["user.created", "user.updated", "user.deleted", "user.password_changed", "user.settings_changed"],
  ...["user.projects_assigned", "project.members_set"],
];

/** Who did what to which object, newest first. */
export function AuditPage() {
  const { t } = useTranslation();
  const word = useWord();
  const navigate = useNavigate();
  const search = useSearch({ strict: false }) as { page?: string; action?: string };
  const page = Number(search.page ?? 1);
  const query = { action: search.action, page, page_size: PAGE_SIZE };
  const listed = useQuery({
    queryKey: ["audit", query],
    queryFn: () => call<PageOf<AuditEntry>>("GET", "/user/audit", { query }),
    placeholderData: keepPreviousData,
  });
  const go = (change: typeof search) => void navigate({ to: ".", search: { ...search, ...change } as never });
  return (
    <Page title={t("nav.audit")}>
      <div className="panel">
        <div className="filters">
          <Filter
            label={t("audit.anyAction")}
            value={search.action}
            options={ACTIONS.map((value) => ({ value, label: word("audit.action", value) }))}
            onChange={(action) => go({ action, page: undefined })}
            width={180}
          />
        </div>
        <Loaded query={listed}>
          {(found) => (
            <ListTable<AuditEntry>
              rowKey="id"
              dataSource={found.data}
              pagination={paging(page, found.total, (next) => go({ page: next }))}
              columns={[
                { title: t("audit.at"), render: (_, one) => <When at={one.at_utc} /> },
                { title: t("audit.who"), render: (_, one) => one.actor?.username ?? one.address },
                {
                  title: t("audit.what"),
                  dataIndex: "action",
                  render: (action: string) => <span title={action}>{word("audit.action", action)}</span>,
                },
                {
                  title: t("audit.object"),
                  // A session is of whoever began it.
                  render: (_, one) =>
                    !(one.action.startsWith("session.") && one.actor) &&
                    `${word("audit.type", one.object_type)} ${visible(one.object_name)}`,
                },
                { title: t("audit.changes"), render: (_, one) => <Changes of={one} /> },
              ]}
            />
          )}
        </Loaded>
      </div>
    </Page>
  );
}

/** What an object was and became, a line for each field. */
function Changes({ of }: { of: AuditEntry }) {
  const word = useWord();
  const [before, after] = [of.before, of.after].map((one) => (one ?? {}) as Record<string, Json>) as [Facts, Facts];
  const names = [...new Set([...Object.keys(before), ...Object.keys(after)])].filter((name) => name !== "user_id");
  if (!names.length) return null;
  return (
    <div style={{ flexBasis: "100%" }}>
      {names.map((name) => (
        <div key={name} className="small">
          <span className="faint">{word("audit.field", name)}</span>{" "}
          {name in before && (
            <>
              <Fact name={name} value={before[name]} /> →{" "}
            </>
          )}
          {name in after ? <Fact name={name} value={after[name]} /> : "–"}
        </div>
      ))}
    </div>
  );
}

type Facts = Record<string, Json>;

function Fact({ name, value }: { name: string; value: Json | undefined }) {
  const { t } = useTranslation();
  const word = useWord();
  const known = useQuery(projects).data?.data ?? [];
  if (typeof value === "boolean") return t(value ? "common.yes" : "common.no");
  if (typeof value === "string") return name.endsWith("_at") ? <When at={value} /> : <Mono text={value} limit={80} />;
  if (!Array.isArray(value)) return <Value value={value} limit={80} />;
  const say = (one: Json) => {
    if (name === "scopes") return word("tokens", String(one));
    const project = name === "project_ids" && known.find(({ id }) => String(id) === String(one));
    return project ? visible(project.name) : `#${one}`;
  };
  return <span>{value.map(say).join(t("recur.comma")) || "–"}</span>;
}
