import { assertEquals } from "@std/assert";
import {
  addressesLayout,
  ConnectionsByAddress,
} from "../../../src/control/connections_by_address.ts";
import { Zones } from "../../../src/zone/mod.ts";

/** What each of two workers counts with, in one zone. */
function twoWorkers(): [ConnectionsByAddress, ConnectionsByAddress] {
  const owner = new Zones({ columns: 2 });
  const layout = addressesLayout(100);
  const zone = owner.open("test", layout);
  const other = new Zones({ columns: 2, column: 1, shared: owner.share() });
  return [
    new ConnectionsByAddress(zone, () => 0),
    new ConnectionsByAddress(other.open("test", layout), () => 0),
  ];
}

Deno.test("ConnectionsByAddress: workers count together, and one that has ended makes room for another", () => {
  const [one, two] = twoWorkers();
  const counted = [one.take("192.0.2.1", 2), two.take("192.0.2.1", 2)];
  assertEquals(counted.every((connection) => connection !== undefined), true);
  assertEquals([one.take("192.0.2.1", 2), two.take("192.0.2.1", 2)], [undefined, undefined]);
  counted[0]!.release();
  assertEquals(two.take("192.0.2.1", 2) === undefined, false);
});

Deno.test("ConnectionsByAddress: addresses of one IPv6 network count as one, others do not", () => {
  const [one] = twoWorkers();
  one.take("2001:db8::1", 1);
  assertEquals(one.take("2001:db8::ffff:1", 1), undefined);
  assertEquals(one.take("2001:db8:0:1::1", 1) === undefined, false);
  one.take("::ffff:192.0.2.1", 1);
  assertEquals(one.take("192.0.2.1", 1), undefined);
});

Deno.test("ConnectionsByAddress: as many addresses as there are connections are all counted", () => {
  const [one] = twoWorkers();
  const addresses = Array.from({ length: 100 }, (_, at) => `198.51.100.${at}`);
  for (const address of addresses) one.take(address, 1);
  assertEquals(addresses.filter((address) => one.take(address, 1) !== undefined), []);
});
