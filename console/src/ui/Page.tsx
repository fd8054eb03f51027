import { Link } from "@tanstack/react-router";
import { Button, Skeleton } from "antd";
import { type ReactNode, useEffect, useState } from "react";
import { useTranslation } from "react-i18next";
import { ApiError } from "~/api/client";
import { Empty } from "./Empty";
import { Failure } from "./Failure";

interface Props {
  title: ReactNode;
  /** Above the title: the way up. */
  up?: ReactNode;
  /** Beside the title, at the right. */
  actions?: ReactNode;
  children: ReactNode;
}

/** A page's heading and body; the heading takes focus when the page opens. */
export function Page({ title, up, actions, children }: Props) {
  return (
    <div className="page">
      {up && <nav className="crumbs small">{up}</nav>}
      <header className="page-head">
        <h1 tabIndex={-1}>{title}</h1>
        {actions && <div className="actions">{actions}</div>}
      </header>
      {children}
    </div>
  );
}

interface Answer<T> {
  data: T | undefined;
  error: unknown;
  isPending: boolean;
  refetch: () => unknown;
}

/** A query's states: a skeleton after 200 ms, the failure with a retry, or the data. */
export function Loaded<T>({ query, children }: { query: Answer<T>; children: (data: T) => ReactNode }) {
  const [slow, setSlow] = useState(false);
  useEffect(() => {
    const timer = setTimeout(() => setSlow(true), 200);
    return () => clearTimeout(timer);
  }, []);
  if (query.data !== undefined) return <>{children(query.data)}</>;
  if (query.error) return <Failure error={query.error} retry={() => void query.refetch()} />;
  return slow ? <Skeleton active paragraph={{ rows: 6 }} /> : null;
}

interface WholeProps<T> {
  query: Answer<T>;
  /** The page's title until the data are there, and where its link up leads. */
  title: string;
  up: string;
  children: (data: T) => ReactNode;
}

/** A page that is nothing without its data: a skeleton, or what is wrong and the way up. */
export function LoadedPage<T>({ query, title, up, children }: WholeProps<T>) {
  const { t } = useTranslation();
  if (query.data !== undefined) return <>{children(query.data)}</>;
  const missing = query.error instanceof ApiError && query.error.status === 404 ? query.error : null;
  const back = (
    <Link to={up as "/"}>
      <Button type={missing ? "primary" : "default"}>{t("action.back", { where: title })}</Button>
    </Link>
  );
  if (missing)
    return (
      <Page title={title}>
        <div className="panel">
          <Empty text={t("notFound.object", { msg: missing.message })}>{back}</Empty>
        </div>
      </Page>
    );
  return (
    <Page title={title}>
      <Loaded query={query}>{() => null}</Loaded>
      {query.error !== null && query.error !== undefined && <p>{back}</p>}
    </Page>
  );
}
