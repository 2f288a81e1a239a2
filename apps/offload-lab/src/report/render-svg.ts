import { type EChartsOption, init } from "echarts";

/** Draws a chart as an SVG image on white ground, the same for the same data. */
export function renderSvg(widthPixels: number, heightPixels: number, option: EChartsOption): string {
  const chart = init(null, null, { renderer: "svg", ssr: true, width: widthPixels, height: heightPixels });
  chart.setOption({
    animation: false,
    backgroundColor: "#ffffff",
    color: [
      "#0369a1",
      "#b45309",
      "#4d7c0f",
      "#7e22ce",
      "#be123c",
      "#0f766e",
      "#a16207",
      "#4338ca",
      "#64748b",
    ],
    textStyle: { fontFamily: "Helvetica, Arial, sans-serif" },
    ...option,
  });
  const svg = chart.renderToSVGString();
  chart.dispose();
  // Names within the image carry the number of the chart in this process.
  return svg.replaceAll(/zr\d+-/g, "zr-");
}
