import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { useNavigate, useSearch } from "@tanstack/react-router";
import { useTranslation } from "react-i18next";
import { call } from "~/api/client";
import type { AuditEntry, Page as PageOf } from "~/api/types";
import { visible } from "~/lib/bidi";
import type { Json } from "~/lib/json";
import { ListTable } from "~/ui/ListTable";
import { Mono, Value } from "~/ui/Mono";
import { Loaded, Page } from "~/ui/Page";
import { When } from "~/ui/When";
import { useWord } from "~/ui/words";

/** Who did what to which object, newest first. */
export function AuditPage() {
  const { t } = useTranslation();
  const word = useWord();
  const navigate = useNavigate();
  const search = useSearch({ strict: false }) as { page?: string };
  const page = Number(search.page ?? 1);
  const listed = useQuery({
    queryKey: ["audit", page],
    queryFn: () => call<PageOf<AuditEntry>>("GET", "/user/audit", { query: { page, page_size: 30 } }),
    placeholderData: keepPreviousData,
  });
  return (
    <Page title={t("nav.audit")}>
      <div className="panel">
        <Loaded query={listed}>
          {(found) => (
            <ListTable<AuditEntry>
              rowKey="id"
              dataSource={found.data}
              pagination={{
                current: page,
                pageSize: 30,
                total: found.total,
                showSizeChanger: false,
                hideOnSinglePage: true,
                onChange: (next) => void navigate({ to: ".", search: { page: String(next) } as never }),
              }}
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
                  render: (_, one) => `${word("audit.type", one.object_type)} ${visible(one.object_name)}`,
                },
                {
                  title: t("audit.before"),
                  render: (_, one) => <Facts of={one.before} />,
                },
                { title: t("audit.after"), render: (_, one) => <Facts of={one.after} /> },
              ]}
            />
          )}
        </Loaded>
      </div>
    </Page>
  );
}

/** What an object was or became, a line for each field. */
function Facts({ of }: { of: Json }) {
  if (of === null || typeof of !== "object") return null;
  return Object.entries(of).map(([name, value]) => (
    <div key={name} className="small">
      <span className="faint">{name}</span>{" "}
      {typeof value === "string" ? <Mono text={value} limit={80} /> : <Value value={value} limit={80} />}
    </div>
  ));
}
