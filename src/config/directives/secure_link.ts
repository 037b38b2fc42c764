/** Directives about links that only we can make. @module */
import { directive, HTTP_SERVER_LOCATION, type Table } from "../directive.ts";
import { located, template } from "../types.ts";

export const secureLinkDirectives = {
  link: directive({
    name: "secure_link",
    contexts: HTTP_SERVER_LOCATION,
    type: template,
    example: { yaml: "$arg_md5,$arg_expires", nginx: "$arg_md5,$arg_expires" },
    doc: "Where a request has its checksum (MD5, Base64 as in URLs) and, behind a comma, when it " +
      "expires, in seconds since 1970. `$secure_link` is `1` if the checksum is that of " +
      "`secure_link_md5`, `0` if it is but has expired, and empty if it is not; " +
      "`$secure_link_expires` is the moment.",
  }),
  md5: directive({
    name: "secure_link_md5",
    contexts: HTTP_SERVER_LOCATION,
    type: template,
    example: {
      yaml: "$secure_link_expires$uri$remote_addr secret",
      nginx: '"$secure_link_expires$uri$remote_addr secret"',
    },
    doc: "What the checksum is of: it should have a secret in it.",
  }),
} satisfies Table;

/** Of a location alone. */
export const secureLinkSecretDirectives = {
  secret: directive({
    name: "secure_link_secret",
    contexts: ["location"],
    merge: "own",
    type: located("word", "a word"),
    example: { yaml: "secret", nginx: "secret" },
    doc:
      "Links such as `/prefix/CHECKSUM/link` are good if the checksum is the MD5, in hexadecimal " +
      "digits, of the link (with its query) and this word; `$secure_link` is the link then, and " +
      "empty else. `secure_link` can do more.",
  }),
} satisfies Table;
