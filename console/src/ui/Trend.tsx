interface Point {
  x: string;
  y: number;
}

interface Props {
  label: string;
  points: Point[];
  max: number;
  format: (value: number) => string;
}

/** A line over days; the table beside it says the same to those who cannot see it. */
export function Trend({ label, points, max, format }: Props) {
  const width = 600;
  const height = 96;
  const at = (point: Point, index: number) =>
    `${(index / Math.max(1, points.length - 1)) * (width - 8) + 4},${height - 6 - (point.y / max) * (height - 12)}`;
  const last = points.at(-1);
  return (
    <svg
      viewBox={`0 0 ${width} ${height}`}
      role="img"
      aria-label={`${label}: ${points[0]?.x} ${format(points[0]?.y ?? 0)} – ${last?.x} ${format(last?.y ?? 0)}`}
      style={{ width: "100%", maxWidth: 720 }}
    >
      <path d={`M4 6H${width - 4}M4 ${height - 6}H${width - 4}`} stroke="var(--edge)" />
      <polyline points={points.map(at).join(" ")} fill="none" stroke="var(--accent)" strokeWidth="2" />
      {points.map((point, index) => {
        const [x, y] = at(point, index).split(",");
        return (
          <circle key={point.x} cx={x} cy={y} r="3" fill="var(--accent)">
            <title>{`${point.x} ${format(point.y)}`}</title>
          </circle>
        );
      })}
    </svg>
  );
}
