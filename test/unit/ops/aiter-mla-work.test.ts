import fc from "fast-check";
import { expect, it } from "vitest";
import { planWork, type WorkRequest } from "../../../lib/ops/aiter-mla-work.js";

const requests = fc
  .array(fc.tuple(fc.integer({ min: 1, max: 4 }), fc.oneof(fc.nat(70), fc.nat(40_000))), {
    minLength: 1,
    maxLength: 40,
  })
  .map((drawn) => {
    let [firstRow, firstPage] = [0, 0];
    return drawn.map(([rows, context]): WorkRequest => {
      const request = { firstRow, rows, firstPage, keys: context + rows };
      firstRow += rows;
      firstPage += request.keys;
      return request;
    });
  });

it("work is all of every request's keys once, in parts whose keys their first rows see, and even", () => {
  fc.assert(
    fc.property(requests, fc.constantFrom(1, 8, 80, 304), (requests, workgroups) => {
      const lists = planWork(requests, workgroups);
      expect(lists).toHaveLength(workgroups);
      const works = lists.flat();
      // Between two workgroups at most one request is cut.
      expect(works.length).toBeLessThan(requests.length + workgroups);
      for (const request of requests) {
        let end = 0;
        for (const work of works.filter((one) => one.request === request)) {
          expect(work.begin).toBe(end);
          expect(work.end > end && (work.end % 16 === 0 || work.end === request.keys)).toBe(true);
          if (work.begin > 0) expect(work.end - work.begin).toBeGreaterThanOrEqual(request.rows);
          end = work.end;
        }
        expect(end).toBe(request.keys);
      }
      const tiles = lists.map((list) =>
        list.reduce((sum, { begin, end }) => sum + Math.ceil((end - begin) / 16), 0),
      );
      const total = requests.reduce((sum, { keys }) => sum + Math.ceil(keys / 16), 0);
      const most = (total + 5 * requests.length) / workgroups + 16;
      expect(Math.max(...tiles)).toBeLessThanOrEqual(most);
    }),
  );
});
