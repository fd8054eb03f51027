import { useMutation, useQuery } from "@tanstack/react-query";
import { Link, useNavigate } from "@tanstack/react-router";
import { Alert, Button, Collapse, Form, Input, InputNumber, Radio, Select, Switch } from "antd";
import dayjs, { type Dayjs } from "dayjs";
import { useEffect, useState } from "react";
import { useTranslation } from "react-i18next";
import { ApiError, call, idempotencyKey } from "~/api/client";
import { people, queryClient, settings } from "~/api/queries";
import { useSession } from "~/api/session";
import type { CaseItem, Page as PageOf, Task } from "~/api/types";
import { visible } from "~/lib/bidi";
import { withOffset } from "~/lib/time";
import { Failure } from "~/ui/Failure";
import { Page } from "~/ui/Page";
import { CasePicker } from "./CasePicker";
import { EnvironmentChoices } from "./EnvironmentChoices";
import { cronFault, Preview, usePreview } from "./Preview";
import { inTenMinutes, type When, WhenFields } from "./WhenFields";

interface Props {
  task: Task | null;
  editing: boolean;
  caseIds: number[];
  zone: string;
  mail: boolean;
}

interface Fields {
  task_name?: string;
  owner_ids: number[];
  parallel: 0 | 1;
  max_parallel: number;
  overlap: string;
  misfire_grace_seconds?: number | null;
  max_retries: number;
  retry_delay_seconds: number;
  failed_stop: boolean;
  only_failed_log: boolean;
  notify: string;
}

/** The form of a task with the server's own preview of its times. */
export function TaskForm({ task, editing, caseIds, zone, mail }: Props) {
  const { t } = useTranslation();
  const navigate = useNavigate();
  const user = useSession()?.user;
  const own = useQuery(settings).data;
  const [form] = Form.useForm<Fields>();
  const [picked, setPicked] = useState<number[]>(caseIds);
  const [chosen, setChosen] = useState<Record<string, number>>(task?.environments ?? {});
  const [when, setWhen] = useState<When>(() => initialWhen(task, zone));
  const preview = usePreview(when);
  const owners = Form.useWatch("owner_ids", form) ?? [];
  const notify = Form.useWatch("notify", form) ?? "always";
  const self = user ? [{ id: user.id, username: user.username, real_name: user.name }] : [];
  const known = useQuery(people()).data?.data ?? self;
  const ids = picked.slice(0, 200).join(",");
  const items =
    useQuery({
      queryKey: ["cases", "of", ids],
      queryFn: () => call<PageOf<CaseItem>>("GET", "/catalog/cases", { query: { ids, page_size: 200 } }),
      enabled: ids !== "",
    }).data?.data ?? [];
  const projectIds = [...new Set(items.filter((one) => picked.includes(one.id)).map((one) => one.project_id))];
  const save = useMutation({
    mutationFn: async ({ fields, fire }: { fields: Fields; fire: boolean }) => {
      const start = when.kind === "once" ? when.at : dayjs().add(2, "second");
      const body = {
        ...(editing && { task_id: task?.id }),
        ...fields,
        task_name: fields.task_name?.trim() || null,
        case_ids: picked,
        startTime: withOffset(start),
        cron: when.kind === "once" ? null : when.cron,
        timezone: when.kind === "once" ? null : when.zone,
        ...(Object.keys(chosen).length && {
          environments: Object.fromEntries(Object.entries(chosen).filter(([pid]) => projectIds.includes(Number(pid)))),
        }),
        ...(task?.targets.length && { targets: task.targets }),
      };
      const { task_id } = await call<{ task_id: number }>("POST", "/api-data/schedule-api-cases", {
        body,
        headers: editing ? undefined : idempotencyKey(),
      });
      if (fire) await call("POST", `/scheduler/tasks/${task_id}/fire`);
      return task_id;
    },
    onSuccess: async (id) => {
      await Promise.all([
        queryClient.invalidateQueries({ queryKey: ["tasks"] }),
        queryClient.invalidateQueries({ queryKey: ["task", id] }),
        queryClient.invalidateQueries({ queryKey: ["next", id] }),
      ]);
      await navigate({ to: `/tasks/${id}` as "/" });
    },
  });
  const faults = save.error instanceof ApiError ? save.error.errors : [];
  // What the server refused is no longer so once something is changed.
  const changed =
    <T,>(set: (value: T) => void) =>
    (value: T) => {
      save.reset();
      set(value);
    };
  const fault = (name: string) => {
    const found = faults.find(
      (one) => one.field === name || one.field.startsWith(`${name}[`) || one.field.startsWith(`${name}.`),
    );
    return found ? { validateStatus: "error" as const, help: found.msg ?? found.reason } : {};
  };
  useEffect(() => {
    if (save.error) document.querySelector(".ant-form-item-has-error")?.scrollIntoView({ block: "center" });
  }, [save.error]);
  const submit = (fire: boolean) =>
    void form
      .validateFields()
      .then((fields) => save.mutate({ fields: { ...form.getFieldsValue(true), ...fields }, fire }));
  const initial: Fields = {
    task_name: editing ? task?.task_name : undefined,
    owner_ids: task?.owner_ids ?? (user ? [user.id] : []),
    parallel: (task?.parallel as 0 | 1) ?? 0,
    max_parallel: task?.max_parallel ?? 20,
    overlap: task?.overlap ?? "skip",
    misfire_grace_seconds: task?.misfire_grace_seconds,
    max_retries: task?.max_retries ?? 0,
    retry_delay_seconds: task?.retry_delay_seconds ?? 60,
    failed_stop: task?.failed_stop ?? own?.failed_stop ?? true,
    only_failed_log: task?.only_failed_log ?? own?.only_failed_log ?? false,
    notify: task?.notify ?? "always",
  };
  return (
    <Page
      up={<Link to="/tasks">← {t("nav.tasks")}</Link>}
      title={editing ? t("tasks.editTitle", { name: visible(task?.task_name ?? "") }) : t("tasks.new")}
    >
      {editing && task?.status !== "pending" && (
        <Alert type="info" showIcon title={t("tasks.onlyPending")} style={{ marginBottom: 12 }} />
      )}
      {save.error && (
        <div style={{ marginBottom: 12 }}>
          <Failure error={save.error} atFields={faults.length > 0} />
        </div>
      )}
      <div className="task-form">
        <Form
          form={form}
          className="panel"
          layout="vertical"
          initialValues={initial}
          requiredMark={false}
          onValuesChange={() => save.reset()}
          disabled={editing && task?.status !== "pending"}
        >
          <Form.Item name="task_name" label={t("tasks.name")} {...fault("task_name")}>
            <Input maxLength={200} placeholder={t("tasks.nameHint")} />
          </Form.Item>
          <Form.Item
            label={picked.length ? t("tasks.casesCount", { count: picked.length }) : t("tasks.cases")}
            {...(picked.length || !fault("case_ids").help
              ? fault("case_ids")
              : { ...fault("case_ids"), help: t("tasks.casesNeeded") })}
          >
            <CasePicker picked={picked} items={items} onChange={changed(setPicked)} />
          </Form.Item>
          <Form.Item label={t("environments.one")} {...fault("environments")}>
            <EnvironmentChoices
              projectIds={projectIds}
              chosen={chosen}
              usual={own?.environments ?? {}}
              onChange={changed(setChosen)}
            />
          </Form.Item>
          <Form.Item label={t("tasks.when")} {...(fault("startTime").help ? fault("startTime") : fault("cron"))}>
            <WhenFields
              value={when}
              wrong={when.kind === "cron" && cronFault(preview) !== null}
              onChange={changed(setWhen)}
            />
          </Form.Item>
          <Form.Item
            name="owner_ids"
            label={t("tasks.owners")}
            rules={[{ required: true, message: t("tasks.ownerNeeded") }]}
            {...fault("owner_ids")}
          >
            <Select
              mode="multiple"
              showSearch={{ optionFilterProp: "label" }}
              options={known.map((one) => ({
                value: one.id,
                label: `${one.real_name || one.username} (${one.username})`,
              }))}
            />
          </Form.Item>
          <Form.Item name="parallel" label={t("tasks.mode")}>
            <Radio.Group
              options={[
                { value: 0, label: t("tasks.serialHint") },
                { value: 1, label: t("tasks.parallelHint") },
              ]}
            />
          </Form.Item>
          <Collapse
            ghost
            styles={{ header: { paddingInline: 0 }, body: { paddingInline: 0 } }}
            items={[
              {
                key: "more",
                label: t("tasks.more"),
                forceRender: true,
                children: (
                  <div className="more-fields">
                    <Form.Item name="overlap" label={t("tasks.overlap")}>
                      <Select
                        options={["skip", "queue", "allow"].map((value) => ({
                          value,
                          label: t(`overlap.${value}` as "overlap.skip"),
                        }))}
                      />
                    </Form.Item>
                    <Form.Item name="notify" label={t("tasks.notify")}>
                      <Select
                        options={["always", "on_failure", "on_change"].map((value) => ({
                          value,
                          label: t(`notify.${value}` as "notify.always"),
                        }))}
                      />
                    </Form.Item>
                    <Form.Item name="max_retries" label={t("steps.retries")} {...fault("max_retries")}>
                      <InputNumber min={0} max={10} />
                    </Form.Item>
                    <Form.Item name="retry_delay_seconds" label={t("tasks.retryDelay")}>
                      <InputNumber min={0} max={86_400} suffix="s" />
                    </Form.Item>
                    <Form.Item name="misfire_grace_seconds" label={t("tasks.grace")}>
                      <InputNumber
                        min={1}
                        max={2_592_000}
                        suffix="s"
                        placeholder={when.kind === "once" ? "∞" : "300"}
                      />
                    </Form.Item>
                    <Form.Item name="max_parallel" label={t("tasks.maxParallel")}>
                      <InputNumber min={1} max={100} />
                    </Form.Item>
                    <Form.Item name="failed_stop" label={t("cases.failedStop")} valuePropName="checked">
                      <Switch />
                    </Form.Item>
                    <Form.Item name="only_failed_log" label={t("me.onlyFailedLog")} valuePropName="checked">
                      <Switch />
                    </Form.Item>
                  </div>
                ),
              },
            ]}
          />
          <div className="actions save-bar">
            <Button type="primary" loading={save.isPending} onClick={() => submit(false)}>
              {t("action.save")}
            </Button>
            <Button disabled={save.isPending} onClick={() => submit(true)}>
              {t("tasks.saveAndRun")}
            </Button>
            <Button type="text" onClick={() => void navigate({ to: (task ? `/tasks/${task.id}` : "/tasks") as "/" })}>
              {t("action.cancel")}
            </Button>
          </div>
        </Form>
        <aside className="panel preview" aria-label={t("tasks.nextTimes")}>
          <Preview when={when} preview={preview} />
          <p>
            {t(`tasks.mailTo.${notify}` as "tasks.mailTo.always", {
              names:
                owners
                  .map((id: number) => known.find((one) => one.id === id))
                  .map((one) => one?.real_name || one?.username || "?")
                  .join(t("recur.comma")) || "–",
            })}
          </p>
          {!mail && <Alert type="warning" showIcon title={t("tasks.noMail")} />}
        </aside>
      </div>
    </Page>
  );
}

function initialWhen(task: Task | null, zone: string): When {
  if (task?.cron) return { kind: "cron", cron: task.cron, zone: task.timezone ?? zone };
  const at: Dayjs = task && dayjs(task.scheduled_at).isAfter(dayjs()) ? dayjs(task.scheduled_at) : inTenMinutes();
  return task ? { kind: "once", at } : { kind: "cron", cron: "0 9 * * 1-5", zone };
}
