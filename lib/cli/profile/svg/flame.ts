import { LAUNCH_MICROSECONDS } from "../../../catalog/performance-model.js";
import { blocksOf, groupsOf, weighed } from "../hottest.js";
import type { ProfileReport } from "../report.js";
import { className, count, micro, pcText, percent } from "../words.js";
import { axisBelow, type Box, COLOURS, group, labelled, MARGIN, PLOT } from "./marks.js";

const ROW = 20;
const AXIS = 40;
/** Narrower boxes would not be seen. */
const NARROWEST = 0.4;
const LAUNCHING = "#eee";
const RUNNING = "#d9d2bd";
const BLOCK = "#efe9d8";

export const FLAME_HEIGHT = 3 * ROW + AXIS;

/**
 * The step as a flame graph that stands on its head: its launches along the model's time, below each the blocks of
 * instructions that were executed equally often, below each of those its operations. A launch's time is divided as its
 * instructions keep units busy, the heaviest first.
 */
export function flame({ launches }: ProfileReport, y: number): string {
  const most = launches.reduce((sum, { model }) => sum + model.total, 0);
  const scale = PLOT / most;
  const row = (depth: number, x: number, width: number): Box => ({
    x,
    y: y + depth * ROW,
    width,
    height: ROW - 1,
  });
  const boxes: string[] = [];
  let x = MARGIN;
  for (const [index, launch] of launches.entries()) {
    const { total, bound } = launch.model;
    const starting = Math.min(LAUNCH_MICROSECONDS, total) * scale;
    const name = `${index + 1}. ${launch.kernel}`;
    boxes.push(
      labelled(row(0, x, starting), LAUNCHING, ["launch"], `${name}: ${micro(LAUNCH_MICROSECONDS)}`),
    );
    const running = total * scale - starting;
    x += starting;
    boxes.push(
      labelled(
        row(0, x, running),
        RUNNING,
        [name, `${index + 1}`],
        `${name}: ${micro(total)}, limit ${bound}`,
      ),
    );
    let left = x;
    for (const block of blocksOf(weighed(launch)).sort((a, b) => b.share - a.share)) {
      const width = block.share * running;
      if (width < NARROWEST) break;
      const { rows, share, executed } = block;
      const place = `${pcText(rows[0]!.pc)} to ${pcText(rows.at(-1)!.pc)}`;
      const words = `${count(executed)} times`;
      boxes.push(
        labelled(row(1, left, width), BLOCK, [words], `${place}, ${words}: ${percent(share)} of the launch`),
      );
      let inner = left;
      for (const { operation, share, rows, class: kind } of groupsOf(block)) {
        const tip = `${rows.length} ${operation} (${className(kind)}), ${words}: ${percent(share)} of the launch`;
        if (share * running >= NARROWEST) {
          boxes.push(labelled(row(2, inner, share * running), COLOURS[kind], [operation], tip));
        }
        inner += share * running;
      }
      left += width;
    }
    x += running;
  }
  const place = { x: MARGIN, y: y + 3 * ROW + 3, width: PLOT };
  return group("flame", [...boxes, axisBelow(place, most, "us of the model, which is not a measurement")]);
}
