import { useMutation, useQuery } from "@tanstack/react-query";
import { Button, Popconfirm } from "antd";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { call } from "~/api/client";
import { queryClient } from "~/api/queries";
import type { CaseRead, Document, Page, Revision } from "~/api/types";
import { writeJson } from "~/lib/json";
import { Diff } from "~/ui/Code";
import { Failure } from "~/ui/Failure";
import { ListTable } from "~/ui/ListTable";
import { Loaded } from "~/ui/Page";
import { When } from "~/ui/When";

/** Every saved state of a case; each can be compared with the present one, and restored. */
export function RevisionsTab({
  saved,
  write,
  onRestored,
}: {
  saved: CaseRead;
  write: boolean;
  onRestored: (stored: CaseRead) => void;
}) {
  const { t } = useTranslation();
  const [chosen, setChosen] = useState<number | null>(null);
  const listed = useQuery({
    queryKey: ["revisions", saved.id, saved.revision],
    queryFn: () => call<Page<Revision>>("GET", `/catalog/cases/${saved.id}/revisions`, { query: { page_size: 50 } }),
  });
  const one = useQuery({
    queryKey: ["revision", saved.id, chosen],
    queryFn: () => call<{ document: Document }>("GET", `/catalog/cases/${saved.id}/revisions/${chosen}`),
    enabled: chosen !== null,
    staleTime: Number.POSITIVE_INFINITY,
  });
  const restore = useMutation({
    mutationFn: (revision: number) =>
      call<CaseRead>("POST", `/catalog/cases/${saved.id}/revisions/${revision}/restore`),
    onSuccess: async (stored) => {
      queryClient.setQueryData(["case", String(stored.id)], stored);
      setChosen(null);
      onRestored(stored);
    },
  });
  return (
    <div className="stack">
      <p className="faint" style={{ margin: 0 }}>
        {t("cases.revisionsHint")}
      </p>
      {restore.error && <Failure error={restore.error} />}
      <Loaded query={listed}>
        {(page) => (
          <ListTable<Revision>
            rowKey="revision"
            dataSource={page.data}
            pagination={false}
            columns={[
              {
                title: t("cases.revision"),
                render: (_, entry) => (
                  <span className="num">
                    {entry.revision}{" "}
                    {entry.revision === saved.revision && <span className="faint">{t("cases.current")}</span>}
                  </span>
                ),
              },
              { title: t("common.updated"), render: (_, entry) => <When at={entry.created_at} /> },
              { title: t("common.updatedBy"), render: (_, entry) => entry.created_by?.username },
              {
                title: <span className="sr-only">{t("common.actions")}</span>,
                render: (_, entry) =>
                  entry.revision !== saved.revision && (
                    <span className="actions">
                      <Button size="small" onClick={() => setChosen(entry.revision)}>
                        {t("cases.compare")}
                      </Button>
                      {write && (
                        <Popconfirm
                          title={t("cases.restoreSure", { number: entry.revision })}
                          onConfirm={() => restore.mutate(entry.revision)}
                        >
                          <Button size="small">{t("cases.restore")}</Button>
                        </Popconfirm>
                      )}
                    </span>
                  ),
              },
            ]}
          />
        )}
      </Loaded>
      {chosen !== null && (
        <Loaded query={one}>
          {({ document }) => (
            <>
              <h3>{t("cases.compared", { from: chosen, to: saved.revision })}</h3>
              <Diff label={t("cases.compare")} before={writeJson(document, 2)} after={writeJson(saved.document, 2)} />
            </>
          )}
        </Loaded>
      )}
    </div>
  );
}
