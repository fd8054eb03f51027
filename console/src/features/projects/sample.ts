import { useMutation } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { call } from "~/api/client";
import { queryClient } from "~/api/queries";
import type { Sample } from "~/api/types";

/** Makes the sample project and opens its cases. */
export function useSample() {
  const navigate = useNavigate();
  return useMutation({
    mutationFn: () => call<Sample>("POST", "/catalog/projects/sample"),
    onSuccess: async (project) => {
      await queryClient.invalidateQueries({ queryKey: ["projects"] });
      await navigate({ to: `/p/${project.id}/cases` as "/", search: { ready: "1" } as never });
    },
  });
}
