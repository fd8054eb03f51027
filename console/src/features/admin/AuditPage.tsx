import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { useNavigate, useSearch } from "@tanstack/react-router";
import { Table } from "antd";
import { useTranslation } from "react-i18next";
import { call } from "~/api/client";
import type { AuditEntry, Page as PageOf } from "~/api/types";
import { Value } from "~/ui/Mono";
import { Loaded, Page } from "~/ui/Page";
import { When } from "~/ui/When";

/** Who did what to which object, newest first. */
export function AuditPage() {
  const { t } = useTranslation();
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
            <Table<AuditEntry>
              rowKey="id"
              size="small"
              dataSource={found.data}
              scroll={{ x: 900 }}
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
                  render: (action: string) => <code className="mono nowrap">{action}</code>,
                },
                { title: t("audit.object"), render: (_, one) => `${one.object_type} ${one.object_name}` },
                {
                  title: t("audit.before"),
                  render: (_, one) => one.before && <Value value={one.before} limit={120} />,
                },
                { title: t("audit.after"), render: (_, one) => one.after && <Value value={one.after} limit={120} /> },
              ]}
            />
          )}
        </Loaded>
      </div>
    </Page>
  );
}
