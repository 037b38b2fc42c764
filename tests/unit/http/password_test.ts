/** Passwords against what the real htpasswd 2.4, openssl 3.0 and crypt(3) of Debian 12 wrote. */
import { assert, assertEquals, assertStrictEquals } from "@std/assert";
import { checkPassword } from "../../../src/http/password/password.ts";
import { PasswordChecks } from "../../../src/http/password/password_checks.ts";
import { parsePasswordFile } from "../../../src/http/password/password_file.ts";
import { SliceQueue } from "../../../src/http/password/slices.ts";
import { ManualClock } from "../../support/manual_clock.ts";

const LONG = "0123456789abcdef".repeat(3);
const LONGEST = "x".repeat(100);

const WRITTEN: readonly (readonly [password: string, hash: string, by: string])[] = [
  ["a", "$2y$04$Neczmb06gYDbkzh9UM07Gumbr5SYKy7N7H9HGKErXl7xxFqoHgkIi", "htpasswd -nbB -C 4"],
  ["a", "$apr1$doGOgfxi$dOgLhcil0noCfHMLZdadX0", "htpasswd -nbm"],
  ["a", "{SHA}hvfkN/qlp/zhXR3cuerq6jd2Z7g=", "htpasswd -nbs"],
  [
    "a",
    "$6$G1F08r7zGwIW0zYf$LazHBlyvH2Zudw/R5vI28btZwHlWKHXCKaqvcWhxufv51QxOgZBiQfLDvZklLMieHjEWB8TM0KfRKMrkvzK2a1",
    "htpasswd -nb5",
  ],
  ["a", "$5$t7VIgziN3LFFhfaQ$KWzxOyTRdcehBTsPm0kja8Q/iCWkH6GIwLckhZhqd59", "htpasswd -nb2"],
  ["a", "$1$saltsalt$MzDjbImyzEz2m0NTiPzNW/", "openssl passwd -1"],
  ["a", "$apr1$saltsalt$OEnK0QmmvoDzFw9W2yFYT/", "openssl passwd -apr1"],
  ["a", "$5$saltsalt$Mtm6KOxb.PwaKES1sp80SDYOu1T0RdwsBVakhLiqA64", "openssl passwd -5"],
  [
    "a",
    "$6$saltsalt$8gzUrz5S2/0AfMGfui2LllQQ2fwu.jYnAVGef2XY7gAo0jNFrzHsTq9lMr2ze7QvIJxr4BYOKdgDpx4Va9Atb1",
    "openssl passwd -6",
  ],
  ["secret", "$2y$04$Jsz7ZOixwLphRwVwZRd34.HlqVr57du/GMmGpB3Pm75bmod/MBv3K", "htpasswd -nbB -C 4"],
  ["secret", "$apr1$BgneZB1d$vhSVL3xbUYhswIDV0zJnk/", "htpasswd -nbm"],
  ["secret", "{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=", "htpasswd -nbs"],
  [
    "secret",
    "$6$.ZMnMujSkoF3iNpl$1no3bz8HviLyjiirSJwfNctURmTVOCCStH0kW8S0YpbIvDn5LiDLKwarYOxwdi5a.LAb60ajfG8HkFAKHf8Ah1",
    "htpasswd -nb5",
  ],
  ["secret", "$5$fdPP6eEebfTJIiLG$MFqH.Nf5WLvOSjgqkZmxRONTlhASwkdpuMKl.JDUO.1", "htpasswd -nb2"],
  ["secret", "{PLAIN}secret", "htpasswd -nbp"],
  ["secret", "$1$saltsalt$9xy1btjgzLYfb7hivXtC//", "openssl passwd -1"],
  ["secret", "$apr1$saltsalt$LrttParrLPdxvgutaSXWJ0", "openssl passwd -apr1"],
  ["secret", "$5$saltsalt$0IyaXrmV7.sGNS6tirgqHLqX/G.FBvgkYA.lpPdS5sA", "openssl passwd -5"],
  [
    "secret",
    "$6$saltsalt$TVLlQcbpFVof5W3Yz4DTP6gRstiNuHwwTt6GLc1E5n0U0aDehy0S5knV8wiOQSpT0Y77vwPZN.Pq.H91p5hVO1",
    "openssl passwd -6",
  ],
  [LONG, "$2y$04$V0pOTADBUbM2Zll7b4/RPu6fGhF1VXeeaV/Mz5ADttrsxO8WGeF1i", "htpasswd -nbB -C 4"],
  [LONG, "$apr1$VdaWlB4C$MRnMBmRJPWMn.3S4TB/Ua.", "htpasswd -nbm"],
  [LONG, "{SHA}SA8KW/6dHsP4k2uUQfbonTAXEfU=", "htpasswd -nbs"],
  [
    LONG,
    "$6$YrGuunTEeye1DIn3$xGSnNk/DQxCSuo5eQqcLYjDHZRlfgAz.ywNCeVAxm45JNQmX.YN6P0gI18L4Llkg7xFWBMvANN5MNLSYnbJXO.",
    "htpasswd -nb5",
  ],
  [LONG, "$5$Hnc8HdkM23z00rWu$OFxTLFRB6oi12C7ZLQKAB4sBo5QU5ROkmb//DSTYYY8", "htpasswd -nb2"],
  [LONG, "$1$saltsalt$Q9vZJhpqSQMV3xAby.p631", "openssl passwd -1"],
  [LONG, "$apr1$saltsalt$KOOXllgPRmy6iYRWzmggP/", "openssl passwd -apr1"],
  [LONG, "$5$saltsalt$T8aIhemxEFqSzsm7tVCPsGpJDImy7RZxS3Kfdtcgo44", "openssl passwd -5"],
  [
    LONG,
    "$6$saltsalt$4ZXm05NbdfYFieMy0HexyqiZe7/vWI2o3m0h5aeL4BbxFZXZ1x8PhBWgmiBYUpMkJLPg7S4a6Ggg9cqXvfC7W/",
    "openssl passwd -6",
  ],
  [LONGEST, "$2y$04$NAxgh/jEwX9TlGVlwuPWLOSqRstiTMH1MEqJY0FY18.fa2ovSZIm6", "htpasswd -nbB -C 4"],
  [LONGEST, "$apr1$d9UjgUSu$FT0hkDEb3bDoPN4oQhS7O.", "htpasswd -nbm"],
  [LONGEST, "{SHA}UOSDaQ7EgfSvf2+1JLK5nrFxZWU=", "htpasswd -nbs"],
  [
    LONGEST,
    "$6$l6bs0PdN4ytjmNWP$Sb.h0ELxfGxIEkfi8uNdWsAY9ouvufouWq64698ayQqp3wEwG3pH127NykF0XOgEmweR5HhVr2/7r34gILwjs.",
    "htpasswd -nb5",
  ],
  [LONGEST, "$5$jIjDXfe9VP0GNlmB$HwbIsCdXfhKD.c4Gq.7fZmqjLiTSkTtUG3xNPhmJo22", "htpasswd -nb2"],
  [LONGEST, "$1$saltsalt$AomvFEJYtItwDZI8JetzY0", "openssl passwd -1"],
  [LONGEST, "$apr1$saltsalt$t8Bg6KAOIAvN1C1bTuHzZ0", "openssl passwd -apr1"],
  [LONGEST, "$5$saltsalt$KYdc3hjfAdyHM6XPspIq1FaqoDPA6x.vXCibKNANhR3", "openssl passwd -5"],
  [
    LONGEST,
    "$6$saltsalt$9HNqus/FQOG.XUp153ohaAe3d4vycIH3mMrzmIFPNDtxtEtKipo2Um6RqZqjZwWaPBQQkOoYDYKgciqrVaKlT0",
    "openssl passwd -6",
  ],
  ["päss", "$2y$04$n66E/ASJVU9QfScrWjQQBO8h//K/vK6Fg9Ob3gz0qpiSCNwWfBbAO", "htpasswd -nbB -C 4"],
  ["päss", "$apr1$ilGwL/gY$tWhHZMGqU6LYgfTjsuJ0r1", "htpasswd -nbm"],
  ["päss", "{SHA}ta81cOE4wM/twp7YSmra6UHf0uo=", "htpasswd -nbs"],
  [
    "päss",
    "$6$.S/ehFwZg.ZRaY9Y$Pc2yGmWVzV6pS/kFH4BlTWwKdXITy50IXnTpNuqz6MN1VkKuI7FWLAXG.AZCLxmNJX.8p03sDSbTuP4JvSlTu.",
    "htpasswd -nb5",
  ],
  ["päss", "$5$DWlHFIe6lfcEUEz8$MpBjzVAhXeQb497N..Ow4vT5tenR1g.o9Is/jKAbaMD", "htpasswd -nb2"],
  ["päss", "{PLAIN}päss", "htpasswd -nbp"],
  ["päss", "$1$saltsalt$npHVA9aR/rej/t9wc6U4V0", "openssl passwd -1"],
  ["päss", "$apr1$saltsalt$f74.33Z0f34Aak2NYQJTa0", "openssl passwd -apr1"],
  ["päss", "$5$saltsalt$jCzctZPuSp6n9OZQjZ0kGu4bXPOziIJjnIQAtfHRIh4", "openssl passwd -5"],
  [
    "päss",
    "$6$saltsalt$diHZ9pHajWguXJt5DhmxxOqqQtb6VXQJO61uDTYZg0KvweLf4WVHMDTz3vJcPLmYTsOPf./9fP7Nq8LRI78tO1",
    "openssl passwd -6",
  ],
  [
    "secret",
    "{SSHA}Wcm1xEisNjqp921ALcHfuQ7avFdzYWx0MTIzNA==",
    "openssl dgst -sha1 over secret and salt1234",
  ],
  ["secret", "$5$rounds=1234$abc$fxZ57jmQ0Lb8gmwdH2Dmggr3hCjkWdFqy8JRw6hpb75", "crypt(3)"],
  ["secret", "$2a$04$abcdefghijklmnopqrstuu2r9OfJnfCsdneAXAGHnS4UpFFP8WIrW", "crypt(3)"],
];

const bytes = (text: string) => new TextEncoder().encode(text);

/** As files are read: one byte a code unit. */
const fileText = (text: string) => String.fromCharCode(...bytes(text));

function isRight(password: string, hash: string): boolean {
  const check = checkPassword(bytes(password), fileText(hash));
  if (check.kind === "known") return check.isRight;
  assert(check.kind === "slow", `${hash}: ${check.kind}`);
  for (let step = check.slices.next();; step = check.slices.next()) {
    if (step.done) return step.value;
  }
}

for (const [password, hash, by] of WRITTEN) {
  Deno.test(`password: ${hash.slice(0, 40)} of ${by} is that of ${password.length} characters alone`, () => {
    assertStrictEquals(isRight(password, hash), true);
    assertStrictEquals(
      isRight(`${password}!`, hash),
      password === LONGEST && hash.startsWith("$2"),
    );
    assertStrictEquals(isRight("", hash), false);
  });
}

Deno.test("password: what cannot be told is told apart, with its reason", () => {
  const why = (hash: string) => {
    const check = checkPassword(bytes("secret"), hash);
    return check.kind === "unusable" ? check.why : check.kind;
  };
  assertEquals(why("abNANd1rDfiNc"), "traditional DES crypt");
  assertEquals(why("plain"), "a hash of a kind that is not known here");
  assertEquals(why("$2y$16$" + "a".repeat(53)), "bcrypt of a cost of 16, above 15");
  assertEquals(
    why("$5$rounds=500001$abc$KqnSBO5QuMaj4Uv6ATcCrgLXHW.LflJO2IQyIUbv3D7"),
    "SHA crypt of 500001 rounds, above 500000",
  );
  assertEquals(why("{SSHA}c2hvcnQ="), "a {SSHA} hash that is cut short");
});

Deno.test("password files: the first line of a user counts, comments do not", () => {
  const text = "# a:b\nu:one\nu:two\r\nv:three:Some One\r\n\nnobody\nempty:\nlast:four";
  assertEquals(
    [...parsePasswordFile(bytes(text))],
    [["u", "one"], ["v", "three"], ["empty", ""], ["last", "four"]],
  );
});

function* counting(steps: number, clock: ManualClock): Generator<void, number, void> {
  for (let step = 0; step < steps; step++) {
    clock.skip(1);
    yield;
  }
  return steps;
}

Deno.test("slices: calculations go one after the other, and give the loop back every 2 ms", async () => {
  const clock = new ManualClock();
  const queue = new SliceQueue(clock, 2);
  const first = queue.add(counting(10, clock))!;
  const second = queue.add(counting(2, clock))!;
  assertEquals(queue.add(counting(1, clock)), undefined, "a third one has no place");
  await clock.advance(1_000);
  assertEquals([await first.result, await second.result], [10, 2]);
  assert(clock.armings >= 6, `${clock.armings} turns`);
  assertEquals([queue.length, clock.armedCount], [0, 0]);
});

Deno.test("slices: what is given up leaves its place, begun or not", async () => {
  const clock = new ManualClock();
  const queue = new SliceQueue(clock, 9);
  const jobs = [5, 5, 1].map((steps) => queue.add(counting(steps, clock))!);
  jobs[0]!.giveUp();
  jobs[1]!.giveUp();
  assertEquals(queue.length, 1);
  await clock.advance(1_000);
  assertEquals(await Promise.all(jobs.map(({ result }) => result)), [undefined, undefined, 1]);
});

const HASH = "$2y$04$Jsz7ZOixwLphRwVwZRd34.HlqVr57du/GMmGpB3Pm75bmod/MBv3K";

function begin(checks: PasswordChecks, password: string) {
  const check = checkPassword(bytes(password), HASH);
  assert(check.kind === "slow");
  return checks.begin(bytes(password), HASH, check.slices);
}

Deno.test("password checks: who was right is known for 5 minutes, who was wrong is not", async () => {
  const clock = new ManualClock();
  const checks = new PasswordChecks(clock);
  for (const password of ["secret", "wrong"]) {
    const check = begin(checks, password);
    assert(typeof check === "object");
    await clock.advance(1_000);
    assertEquals(await check.isRight, password === "secret");
  }
  assertEquals(begin(checks, "secret"), "right");
  assertEquals(typeof begin(checks, "wrong"), "object");
  await clock.advance(300_000);
  assertEquals(typeof begin(checks, "secret"), "object");
  await clock.advance(1_000);
});

Deno.test("password checks: requests with the same password wait for one calculation, and may leave", async () => {
  const clock = new ManualClock();
  const checks = new PasswordChecks(clock);
  const [first, second] = [begin(checks, "secret"), begin(checks, "secret")];
  assert(typeof first === "object" && typeof second === "object");
  first.leave();
  assertEquals(await first.isRight, undefined);
  await clock.advance(1_000);
  assertEquals(await second.isRight, true);
});

Deno.test("password checks: 128 may wait", async () => {
  const clock = new ManualClock();
  const checks = new PasswordChecks(clock);
  const begun = Array.from({ length: 129 }, (_, number) => begin(checks, `wrong ${number}`));
  assertEquals(begun.map((check) => check === "busy").indexOf(true), 128);
  for (const check of begun) if (typeof check === "object") check.leave();
  await clock.advance(1_000);
});
