/** `expires` and `charset`. @module */
import type { ExpiresConf } from "../../http/response_conf.ts";
import { parseExpiry } from "../../http/expires.ts";
import { type ArgumentType, directive, HTTP_SERVER_LOCATION, type Table } from "../directive.ts";
import { oneSwitch } from "../nginx_form.ts";
import { wordsOf } from "../node.ts";
import { mediaTypes } from "./compression.ts";
import { checkVariables } from "../types.ts";

const EXPECTED =
  'a time such as 30d, -1 or @15h30m, "modified 1d", epoch, max, off, or a text with $variables';

const expires: ArgumentType<ExpiresConf> = {
  label: "[modified] time | @time | epoch | max | off",
  expected: EXPECTED,
  read(node, reading): ExpiresConf | undefined {
    const words = wordsOf(node) ?? [];
    const value = words.at(-1);
    const fromModified = words.length === 2 && words[0]!.text === "modified";
    if (value === undefined || (words.length > 1 && !fromModified)) {
      return reading.refuse(node, EXPECTED);
    }
    if (value.text.includes("$")) {
      return checkVariables(value, reading) ? { text: value.text, fromModified } : undefined;
    }
    const text = value.text === "false" ? "off" : value.text;
    const expiry = parseExpiry(text);
    const isGood = expiry !== undefined && (!fromModified || expiry.kind === "after");
    return isGood ? { text, fromModified } : reading.refuse(node, EXPECTED);
  },
};

const EXPECTED_CHARSET = "off, or the name of a charset such as utf-8, or a text with $variables";

const charset: ArgumentType<string> = {
  label: "charset | off",
  expected: EXPECTED_CHARSET,
  nginx: oneSwitch,
  read(node, reading): string | undefined {
    const isGood = node.kind === "scalar" && /^[\w.:+$\{\}-]+$/.test(node.text);
    if (!isGood) return reading.refuse(node, EXPECTED_CHARSET);
    const { text } = node;
    return checkVariables(node, reading) ? text === "false" ? "off" : text : undefined;
  },
};

export const expiresDirectives = {
  expires: directive({
    name: "expires",
    contexts: [...HTTP_SERVER_LOCATION, "location_if"],
    type: expires,
    default: "off",
    example: { yaml: "30d", nginx: "30d" },
    doc:
      "`Expires` and `Cache-Control` of responses of the statuses that `add_header` is for, in place " +
      "of those that the response has: `max-age` of the time, counted from now or from " +
      "`Last-Modified` (`modified`); the next time of day (`@15h30m`, local); `no-cache` for a " +
      "negative time and for `epoch`; ten years for `max`.",
  }),
  charset: directive({
    name: "charset",
    contexts: HTTP_SERVER_LOCATION,
    type: charset,
    default: "off",
    example: { yaml: "utf-8", nginx: "utf-8" },
    doc:
      "The charset that `Content-Type` tells of responses of `charset_types` that tell none. Nothing " +
      "is converted: `charset_map`, `source_charset` and `override_charset` are not there.",
  }),
  charsetTypes: directive({
    name: "charset_types",
    contexts: HTTP_SERVER_LOCATION,
    type: mediaTypes,
    default:
      "text/html text/xml text/plain text/vnd.wap.wml application/javascript application/rss+xml",
    doc: "Media types that `charset` is told with, besides `text/html`.",
  }),
} satisfies Table;
