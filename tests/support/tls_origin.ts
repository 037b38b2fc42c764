/**
 * Origins that speak TLS, and certificates for them: made by openssl in a temp
 * directory, for the time of one test file.
 *
 * @module
 */
import type { TLSSocket } from "node:tls";
import { type Origin, type OriginOptions, startOrigin } from "./origin.ts";
import { need } from "./real_servers.ts";

/** Paths of a certificate and its key, in PEM. */
export interface Pair {
  readonly certificate: string;
  readonly key: string;
}

/** What {@linkcode makeCertificates} makes. */
export interface Certificates {
  /** The authority that signed all of the pairs but `stranger`. */
  readonly ca: string;
  /** For app.test. */
  readonly app: Pair;
  /** For other.test. */
  readonly other: Pair;
  /** For app.test, until yesterday. */
  readonly expired: Pair;
  /** For app.test, signed by itself. */
  readonly stranger: Pair;
  /** For app.test, with two certificates between it and the authority. */
  readonly deep: Pair;
  /** For a client. */
  readonly client: Pair;
}

/** Makes certificates below `dir`. */
export async function makeCertificates(dir: string): Promise<Certificates> {
  const ca = await authority(dir, "ca");
  await authority(dir, "upper", "ca");
  await authority(dir, "lower", "upper");
  const deep = await leaf(dir, "deep", "app.test", "lower");
  const chain = ["deep", "lower", "upper"].map((name) =>
    Deno.readTextFileSync(`${dir}/${name}.pem`)
  );
  await Deno.writeTextFile(`${dir}/chain.pem`, chain.join(""));
  await leaf(dir, "stranger", "app.test");
  return {
    ca,
    app: await leaf(dir, "app", "app.test", "ca"),
    other: await leaf(dir, "other", "other.test", "ca"),
    expired: await leaf(dir, "expired", "app.test", "ca", -1),
    stranger: { certificate: `${dir}/stranger.pem`, key: `${dir}/stranger.key` },
    deep: { certificate: `${dir}/chain.pem`, key: deep.key },
    client: await leaf(dir, "client", "a client", "ca"),
  };
}

/** What an origin shows and asks for. */
export interface TlsOriginOptions extends Omit<OriginOptions, "tls"> {
  readonly pair: Pair;
  /** Certificates that clients have to have: signed by this authority. */
  readonly clientCa?: string;
  readonly minVersion?: "TLSv1.2" | "TLSv1.3";
}

/** {@linkcode startOrigin} over TLS. */
export function startTlsOrigin(options: TlsOriginOptions): Promise<Origin> {
  const { pair, clientCa, minVersion, ...rest } = options;
  return startOrigin({
    ...rest,
    tls: {
      cert: Deno.readTextFileSync(pair.certificate),
      key: Deno.readTextFileSync(pair.key),
      ...(clientCa === undefined ? {} : {
        requestCert: true,
        rejectUnauthorized: true,
        ca: Deno.readTextFileSync(clientCa),
      }),
      ...(minVersion === undefined ? {} : { minVersion }),
    },
  });
}

/** The server name that the client of the k-th connection sent; "" when it sent none. */
export function serverNameOf(origin: Origin, k: number): string {
  const { servername } = origin.connections[k - 1]!.socket as TLSSocket & { servername?: string };
  return servername || "";
}

/** An authority: its own, or under another one. */
async function authority(dir: string, name: string, by?: string): Promise<string> {
  return (await sign(dir, name, name, "basicConstraints=critical,CA:TRUE", by, 30)).certificate;
}

function leaf(dir: string, name: string, host: string, by?: string, days = 30): Promise<Pair> {
  const extensions = /^[a-z.]+$/.test(host)
    ? `subjectAltName=DNS:${host}`
    : "keyUsage=digitalSignature";
  return sign(dir, name, host, `basicConstraints=CA:FALSE\n${extensions}`, by, days);
}

async function sign(
  dir: string,
  name: string,
  subject: string,
  extensions: string,
  by: string | undefined,
  days: number,
): Promise<Pair> {
  const pair = { certificate: `${dir}/${name}.pem`, key: `${dir}/${name}.key` };
  await Deno.writeTextFile(`${dir}/${name}.ext`, extensions);
  await openssl(
    ["req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"],
    ["-keyout", pair.key, "-out", `${dir}/${name}.csr`, "-subj", `/CN=${subject}`],
  );
  await openssl(
    ["x509", "-req", "-in", `${dir}/${name}.csr`, "-out", pair.certificate, "-days", `${days}`],
    ["-extfile", `${dir}/${name}.ext`],
    by === undefined
      ? ["-signkey", pair.key]
      : ["-CA", `${dir}/${by}.pem`, "-CAkey", `${dir}/${by}.key`, "-CAcreateserial"],
  );
  return pair;
}

async function openssl(...args: readonly (readonly string[])[]): Promise<void> {
  const { success, stderr } = await new Deno.Command(need("openssl"), {
    args: args.flat(),
    stdin: "null",
    stdout: "null",
    stderr: "piped",
  }).output();
  if (!success) throw new Error(`openssl failed:\n${new TextDecoder().decode(stderr)}`);
}
