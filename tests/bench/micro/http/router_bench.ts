/** Locations and servers found. @module */
import { LocationTable, ServerTable } from "../../../../src/http/router.ts";

const PREFIXES = [
  "/",
  "/api/",
  "/api/v1/",
  "/api/v2/",
  "/assets/",
  "/images/",
  "/login",
  "/admin/",
];
const REGEXES = ["\\.php$", "\\.(?:png|jpe?g|gif)$", "^/user/\\d+$"];

const prefixes = new LocationTable(
  PREFIXES.map((pattern) => ({ modifier: "" as const, pattern, value: pattern })),
);
const withRegexes = new LocationTable([
  ...PREFIXES.map((pattern) => ({ modifier: "" as const, pattern, value: pattern })),
  ...REGEXES.map((pattern) => ({ modifier: "~" as const, pattern, value: pattern })),
]);
const servers = new ServerTable([
  ...Array.from({ length: 1_000 }, (_, at) => ({ names: [`www${at}.example.org`], value: at })),
  { names: ["*.example.com", "www.example.*"], value: 1_000 },
]);

Deno.bench("location: 8 prefixes", { group: "location" }, () => {
  prefixes.find("/api/v2/orders/17");
});

Deno.bench("location: 8 prefixes, then 3 regexes that do not match", { group: "location" }, () => {
  withRegexes.find("/api/v2/orders/17");
});

Deno.bench("server: an exact name of 1,000", { group: "server" }, () => {
  servers.find("www617.example.org");
});

Deno.bench("server: a wildcard", { group: "server" }, () => {
  servers.find("shop.eu.example.com");
});
