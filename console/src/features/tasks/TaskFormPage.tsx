import { useQuery } from "@tanstack/react-query";
import { useParams, useSearch } from "@tanstack/react-router";
import { call } from "~/api/client";
import { platform } from "~/api/queries";
import type { Task } from "~/api/types";
import { Loaded } from "~/ui/Page";
import { TaskForm } from "./TaskForm";

/** A new task, one like another, or a pending one to change. */
export function TaskFormPage() {
  const { id } = useParams({ strict: false }) as { id?: string };
  const search = useSearch({ strict: false }) as { cases?: string; copy?: string };
  const about = useQuery(platform);
  const from = id ?? search.copy;
  const task = useQuery({
    queryKey: ["task", Number(from)],
    queryFn: () => call<Task>("GET", `/scheduler/tasks/${from}`),
    enabled: Boolean(from),
  });
  const cases = search.cases?.split(",").map(Number).filter(Boolean) ?? [];
  return (
    <Loaded query={about}>
      {(known) =>
        from ? (
          <Loaded query={task}>
            {(found) => (
              <TaskForm
                task={found}
                editing={Boolean(id)}
                caseIds={found.case_ids}
                zone={known.timezone}
                mail={known.mail_configured !== false}
              />
            )}
          </Loaded>
        ) : (
          <TaskForm
            task={null}
            editing={false}
            caseIds={cases}
            zone={known.timezone}
            mail={known.mail_configured !== false}
          />
        )
      }
    </Loaded>
  );
}
