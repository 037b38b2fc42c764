/**
 * The k-th operation fails, for every k of each scene and each way in which the system can
 * refuse it: reads, writes, connects, accepts, files, memory, names. What the client and the
 * log get to see is as it is written in the table, and whatever failed nothing is held behind
 * it: no cell, deadline, timer, connection, descriptor, temp file (`tests/support/fault_play.ts`
 * looks). All buffers are in debug mode: a wrong owner is an error.
 *
 * A first entry, for example: where a read from the peer is a reset, a GET goes to the next
 * peer, as long as the response has not begun; then it is cut; behind it nobody cares.
 */
import { assert, assertEquals } from "@std/assert";
import { type Fault, type FaultKind, FAULTS, type FaultWay } from "../support/faulty_system.ts";
import { play, type Scene } from "../support/fault_play.ts";
import { SCENES } from "../support/fault_scenes.ts";

/**
 * For each scene and fault the outcomes in the order of k, each for one k or several in a row.
 * An outcome is, for each turn, what the client got: a status, `cut` where that is not whole,
 * `none`; behind a slash the log's status where it has another one; in brackets
 * `$upstream_failure`, as `what>whether it was tried again`. `!`: the error log tells of worse
 * than a warning; `!stderr`: that is told on stderr. `=`: as without a fault.
 *
 * A scene's row is the first that is found in a block that names it.
 */
const TABLE = `
# who was reset before it was accepted is nobody; without descriptors he waits
= *
accept ENOTCONN    | none
accept EMFILE      | = !
memory once        | =
log write ENOSPC   | = !stderr

# logs are opened first; what else is opened
= POST through a file; POST in a file with a name
open EACCES        | no start, 500 !
open ENOSPC        | no start, 500 !
open EMFILE        | no start, 500 !
= static file; small static file; range of a file; X-Accel-Redirect
open EACCES        | no start, 403 !
open ENOSPC        | no start, 500 !
open EMFILE        | no start, 500 !
= buffered in a file; store; store in a new folder; store of a response that is cut
open EACCES        | no start, = !
open ENOSPC        | no start, = !
open EMFILE        | no start, = !
= a name
open EACCES        | no start, =
open ENOSPC        | no start, =
open EMFILE        | no start, =
= reload; reload under a request
open EACCES        | no start, = !stderr
open ENOSPC        | no start, = !stderr
open EMFILE        | no start, = !stderr
= *
open EACCES        | no start
open ENOSPC        | no start
open EMFILE        | no start

# a file that loses its name, or keeps it, or is looked at
= POST through a file
path EACCES        | 500 !
= POST in a file with a name
path EACCES        | = !
= buffered in a file; store of a response that is cut
path EACCES        | = !
= static file; small static file; range of a file; X-Accel-Redirect
path EACCES        | 403 !
= store; store in a new folder
path EACCES        | =, = !
rename EACCES      | = !
= store
rename EXDEV       | =
= store in a new folder
rename EXDEV       | = !, =

# a disk that is full or broken
= POST through a file; POST in a file with a name
file write ENOSPC  | 500 !
file read EIO      | 500 !
= *
file write ENOSPC  | = !
= buffered in a file
file read EIO      | cut/200 !
= static file
file read EIO      | none/200 !, cut/200 !
= *
file read EIO      | 500 !

# 10 s without memory for what cannot be done without: 503, while that can be told. Which cell
# comes first is nobody's business: each outcome is one of these
= GET on a kept connection; reload; reload under a request
memory for good    | =, 503+200 !, 200+503 !
= auth_request
memory for good    | =, 500 !, 503 !
= mirror
memory for good    | =, = !, 503 !
= next peer
memory for good    | =, 503 !, 503(http_503>next) !
= PROXY protocol
memory for good    | =, none !, 503 !
= *
memory for good    | =, 503 !

# who has sent no byte is nobody; a cut head is a 400, a cut body a 499, as in nginx
= POST streamed
client read reset  | none, none/499(client-reset>left), none/200(client-closed>left)
client read end    | none, none/499(client-closed>left), cut/200(client-closed>left)
client read stall  | none, none/408(client-timeout>left), =
= POST in memory; POST through a file; POST in a file with a name; mirror
client read reset  | none, none/499, none/499(client-closed>left)
client read end    | none, none/499, none/499(client-closed>left)
client read stall  | none, none/408, =
= GET on a kept connection; reload; reload under a request
client read reset  | none, none/400, none/499(client-closed>left), 200+none/400, 200+none/499(client-closed>left)
client read end    | none, none/400, none/499(client-closed>left), 200+none/400, 200+none/499(client-closed>left)
client read stall  | none, none/408, 200+none, 200+none/408, =
= upgrade
client read reset  | none, none/400, none/499(client-closed>left), 101(client-reset>left)+pong
client read end    | none, none/400, none/499(client-closed>left), =
client read stall  | none, none/408, 101(timeout>begun)+none !, 101(timeout>begun)+pong !
= PROXY protocol
client read reset  | none, none/499(client-closed>left)
client read end    | none, none/499(client-closed>left)
client read stall  | none, =
# nobody watches the client of a file; one that is to be stored is wanted anyway
= static file; small static file; range of a file; store; store in a new folder
client read reset  | none, none/400, =
client read end    | none, none/400, =
client read stall  | none, none/408, =
= store of a response that is cut
client read reset  | none, none/400
client read end    | none, none/400
client read stall  | none, none/408
# no peer was asked yet
= auth_request; a name
client read reset  | none, none/400, none/499
client read end    | none, none/400, none/499
= *
client read reset  | none, none/400, none/499(client-closed>left)
client read end    | none, none/400, none/499(client-closed>left)
client read stall  | none, none/408, =

# what was handed over in one write was sent, as far as anybody knows
= GET on a kept connection; reload; reload under a request
client write EPIPE | none/200, 200+none/200
client write stall | none/200, 200+none/200
= POST in a file with a name; PROXY protocol; X-Accel-Redirect; store in a new folder; small static file
client write EPIPE | none/200
client write stall | none/200
= range of a file
client write EPIPE | none/206
client write stall | none/206
= static file
client write EPIPE | none/200, cut/200
client write stall | none/200, cut/200
= upgrade
client write EPIPE | none/101(client-reset>left), 101(client-reset>left)+none
client write stall | none/101(timeout>begun) !, 101(client-timeout>left)+none
= store
client write EPIPE | none/200(client-reset>left), cut/200(client-reset>left)
= store of a response that is cut
client write EPIPE | none/200(client-reset>left)
client write stall | none/200(client-timeout>left)
= *
client write EPIPE | none/200(client-closed>left), cut/200(client-closed>left)
client write stall | none/200(client-timeout>left), cut/200(client-timeout>left)

# no descriptor to connect with is nobody's fault but ours, and no other peer would fare better
= GET on a kept connection; reload; reload under a request
connect EMFILE     | 500 !, 200+500 !
= next peer
connect EMFILE     | 500 !, 500(http_503>next) !
= auth_request
connect EMFILE     | 500 !
= mirror
connect EMFILE     | = !, 500 !
= *
connect EMFILE     | 500 !

# no peer has seen anything yet, so another one may; of auth's two another, of app's one none
= upgrade
connect refused    | 101(refused>next)+pong !
connect timeout    | 101(timeout>next)+pong !
= GET on a kept connection; reload; reload under a request
connect refused    | 200(refused>next)+200 !, 200+200(refused>next) !
connect timeout    | 200(timeout>next)+200 !, 200+200(timeout>next) !
= auth_request; mirror
connect refused    | = !, 502(refused>last) !
connect timeout    | = !, 504(timeout>last) !
= a name
connect refused    | 502(refused>last) !
connect timeout    | 504(timeout>last) !
= store of a response that is cut
connect refused    | =
connect timeout    | =
= *
connect refused    | 200(refused>next) !
connect timeout    | 200(timeout>next) !

# a POST that a peer may have seen is not sent again; nor anything once the response has begun
= POST in memory; POST through a file
peer write EPIPE   | 502(reset>sent) !
peer write stall   | 504(timeout>sent) !
peer read reset    | 502(reset>sent) !, cut/200(reset>begun) !, =
peer read end      | 502(closed>sent) !, cut/200(closed>begun) !, =
peer read stall    | 504(timeout>sent) !, cut/200(timeout>begun) !, =
= POST in a file with a name
peer write EPIPE   | 502(reset>sent) !
peer write stall   | 504(timeout>sent) !
peer read reset    | 502(reset>sent) !
peer read end      | 502(closed>sent) !
peer read stall    | 504(timeout>sent) !
= POST streamed
peer write EPIPE   | 502(reset>gone) !
peer write stall   | 504(timeout>gone) !
peer read reset    | 502(reset>gone) !, cut/200(reset>begun) !, =
peer read end      | 502(closed>gone) !, cut/200(closed>begun) !, =
peer read stall    | 504(timeout>gone) !, cut/200(timeout>begun) !, =
= a name
peer write EPIPE   | 502(reset>last) !
peer write stall   | 504(timeout>last) !
peer read reset    | 502(reset>last) !, cut/200(reset>begun) !, =
peer read end      | 502(closed>last) !, cut/200(closed>begun) !, =
peer read stall    | 504(timeout>last) !, cut/200(timeout>begun) !, =
# auth's peers, then app's
= auth_request
peer write EPIPE   | = !, 502(reset>last) !
peer write stall   | = !, 504(timeout>last) !
peer read reset    | = !, =, 502(reset>last) !, cut/200(reset>begun) !, =
peer read end      | = !, =, 502(closed>last) !, cut/200(closed>begun) !, =
peer read stall    | = !, =, 504(timeout>last) !, cut/200(timeout>begun) !, =
# the copy's peer and the request's own, by turns: the copy's is no matter to the client
= mirror
peer write EPIPE   | = !, 502(reset>sent) !
peer write stall   | = !, 504(timeout>sent) !
peer read reset    | = !, 502(reset>sent) !, = !, 502(reset>sent) !, cut/200(reset>begun) !, = !, =, = !, =
peer read end      | = !, 502(closed>sent) !, = !, 502(closed>sent) !, cut/200(closed>begun) !, = !, =, = !, =
peer read stall    | = !, 504(timeout>sent) !, = !, 504(timeout>sent) !, cut/200(timeout>begun) !, = !, =, = !, =
= GET on a kept connection; reload; reload under a request
peer write EPIPE   | 200(reset>next)+200 !, 200+200(reset>next) !
peer write stall   | 200(timeout>next)+200 !, 200+200(timeout>next) !
# the first of its requests is of the configuration before, which keeps no connection
= reload under a request
peer read reset    | 200(reset>next)+200 !, 200+200(reset>next) !, =
peer read end      | 200(closed>next)+200 !, 200+200(closed>next) !, =
peer read stall    | 200(timeout>next)+200 !, 200+200(timeout>next) !, =
= GET on a kept connection; reload
peer read reset    | 200(reset>next)+200 !, =, 200+200(reset>next) !, =
peer read end      | 200(closed>next)+200 !, =, 200+200(closed>next) !, =
peer read stall    | 200(timeout>next)+200 !, =, 200+200(timeout>next) !, =
= upgrade
peer write EPIPE   | 101(reset>next)+pong !, 101(reset>begun)+none !
peer write stall   | 101(timeout>next)+pong !, 101(timeout>begun)+none !
peer read reset    | 101(reset>next)+pong !, 101(reset>begun) !, 101(reset>begun)+pong !
peer read end      | 101(closed>next)+pong !, 101+none, =
peer read stall    | 101(timeout>next)+pong !, 101(timeout>begun)+none !, 101(timeout>begun)+pong !
= store of a response that is cut
peer write EPIPE   | =
peer write stall   | =
peer read reset    | =, cut/200(reset>begun) !
peer read end      | =
peer read stall    | =, cut/200(timeout>begun) !
# all of the response is in one piece, or not the client's
= X-Accel-Redirect
peer read reset    | 200(reset>next) !
peer read end      | 200(closed>next) !
peer read stall    | 200(timeout>next) !
= PROXY protocol; store in a new folder
peer read reset    | 200(reset>next) !, =
peer read end      | 200(closed>next) !, =
peer read stall    | 200(timeout>next) !, =
= *
peer write EPIPE   | 200(reset>next) !
peer write stall   | 200(timeout>next) !
peer read reset    | 200(reset>next) !, cut/200(reset>begun) !, =
peer read end      | 200(closed>next) !, cut/200(closed>begun) !, =
peer read stall    | 200(timeout>next) !, cut/200(timeout>begun) !, =

# a name server is asked twice
= a name
dns SERVFAIL                | =
dns timeout                 | =
dns garbage                 | =
dns SERVFAIL from then on   | 502(unresolved-2) !
dns timeout from then on    | 502(unresolved-110) !
`;

interface Block {
  /** Names of scenes; `*` for all. */
  readonly scenes: ReadonlySet<string>;
  readonly rows: Map<string, readonly string[]>;
}

const BLOCKS: readonly Block[] = blocksOf(TABLE);

function blocksOf(table: string): Block[] {
  const blocks: Block[] = [];
  for (const line of table.split("\n")) {
    if (line.startsWith("= ")) {
      blocks.push({ scenes: new Set(line.slice(2).split("; ")), rows: new Map() });
    } else if (/^[^#]/.test(line)) {
      const [fault = "", outcomes = ""] = line.split("|").map((cell) => cell.trim());
      blocks.at(-1)!.rows.set(fault, outcomes.split(", "));
    }
  }
  return blocks;
}

/** The outcomes that the table has. @throws {Error} It has none. */
function written(scene: string, fault: string, good: string): readonly string[] {
  // Half of it is done, then the other half: nobody should notice.
  if (fault.endsWith(" short")) return [good];
  const block = BLOCKS.find(({ scenes, rows }) =>
    (scenes.has(scene) || scenes.has("*")) && rows.has(fault)
  );
  if (block === undefined) throw new Error(`the table has nothing of "${fault}" in "${scene}"`);
  return block.rows.get(fault)!.map((outcome) => {
    if (outcome === "= !stderr") return `${good.replaceAll(/\/\d+|\(.*?\)| !/g, "")} !stderr`;
    if (outcome === "= !") return good.endsWith(" !") ? good : `${good} !`;
    return outcome === "=" ? good : outcome;
  });
}

/** The outcomes of a fault at every k, those that repeat once. */
async function outcomesOf(
  scene: Scene,
  fault: Omit<Fault, "k">,
  count: number,
  good: readonly string[],
): Promise<readonly string[]> {
  const outcomes: string[] = [];
  for (let k = 1; k <= count; k++) {
    const { outcome, hasFailed } = await play(scene, { ...fault, k }, good);
    assertEquals(hasFailed, true, `the ${k}th ${fault.kind} is not reached`);
    if (outcome !== outcomes.at(-1)) outcomes.push(outcome);
  }
  return outcomes;
}

for (const [name, scene] of Object.entries(SCENES)) {
  Deno.test(`every operation of "${name}" fails once in every way`, async (test) => {
    const { counts, outcome, clientSays } = await play(scene);
    for (const [kind, count] of counts) {
      for (const way of FAULTS[kind as FaultKind] as readonly FaultWay[]) {
        const expected = written(name, `${kind} ${way}`, outcome);
        await test.step(`${kind} ${way}, ${count} times: ${expected.join(", ")}`, async () => {
          const outcomes = await outcomesOf(scene, { kind, way }, count, clientSays);
          if (kind === "memory") {
            assert(outcomes.every((one) => expected.includes(one)), `${outcomes}`);
          } else assertEquals(outcomes, expected);
        });
      }
    }
  });
}

Deno.test("every scene that the table names is one", () => {
  const named = new Set(BLOCKS.flatMap(({ scenes }) => [...scenes]));
  assertEquals([...named.difference(new Set(["*", ...Object.keys(SCENES)]))], []);
});
