/** Directives of nginx's realip module. @module */
import { PROXY_PROTOCOL } from "../../http/real_ip.ts";
import { parseCidr } from "../../wire/ip.ts";
import {
  type ArgumentType,
  directive,
  HTTP_SERVER_LOCATION,
  type Settings,
  type Table,
} from "../directive.ts";
import { oneWordEach } from "../nginx_form.ts";
import { wordsOf } from "../node.ts";
import { fieldName, flag, scalarType } from "../types.ts";

const EXPECTED = 'addresses and networks such as "192.0.2.0/24", or unix:, or a list of such';

const trusted: ArgumentType<readonly string[]> = {
  label: "address | network | unix:, or a list",
  expected: EXPECTED,
  nginx: oneWordEach,
  read(node, reading): readonly string[] | undefined {
    const words = wordsOf(node);
    if (words === undefined || words.length === 0) return reading.refuse(node, EXPECTED);
    return words.flatMap(({ text, span }) => {
      if (text === "unix:" || parseCidr(text) !== undefined) return [text];
      return reading.refusePart(span, text, `need ${EXPECTED}`) ?? [];
    });
  },
};

export const realIpDirectives = {
  from: directive({
    name: "set_real_ip_from",
    contexts: HTTP_SERVER_LOCATION,
    type: trusted,
    example: {
      yaml: '[192.0.2.0/24, "2001:db8::/32"]',
      nginx: "set_real_ip_from 192.0.2.0/24; set_real_ip_from 2001:db8::/32;",
    },
    doc: "Proxies whose word is taken on whom a request is from: `$remote_addr`, `allow`, limits " +
      "and logs go by that then. Names of hosts are not looked up, unlike in nginx.",
  }),
  header: directive({
    name: "real_ip_header",
    contexts: HTTP_SERVER_LOCATION,
    type: scalarType(
      "field | proxy_protocol",
      "the name of a field, or proxy_protocol",
      (text) => fieldName.test(text) ? text : undefined,
    ),
    default: "X-Real-IP",
    example: { yaml: "X-Forwarded-For", nginx: "X-Forwarded-For" },
    doc: `Where such a proxy says it: in a field, of whose list the last address counts, or ` +
      `\`${PROXY_PROTOCOL}\`: in the header of the PROXY protocol (\`listen … proxy_protocol\`).`,
  }),
  isRecursive: directive({
    name: "real_ip_recursive",
    contexts: HTTP_SERVER_LOCATION,
    type: flag,
    default: "off",
    doc: "Whether the last address counts that is none of `set_real_ip_from`, instead of the last.",
  }),
} satisfies Table;

export type RealIpSettings = Settings<typeof realIpDirectives>;
