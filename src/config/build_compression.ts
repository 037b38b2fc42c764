/**
 * In which codings a level's responses are sent.
 *
 * @module
 */
import type { CompressionConf } from "../http/response_conf.ts";
import type { Settings } from "./directive.ts";
import type { compressionDirectives } from "./directives/compression.ts";

export function compressionConf(settings: Settings<typeof compressionDirectives>): CompressionConf {
  const { gunzip, varies, proxied, disable = [] } = settings;
  return {
    gzip: {
      isOn: settings.gzip,
      types: settings.gzipTypes,
      minLengthBytes: settings.gzipMinLengthBytes,
      level: settings.gzipLevel,
    },
    brotli: {
      isOn: settings.brotli,
      types: settings.brotliTypes,
      minLengthBytes: settings.brotliMinLengthBytes,
      level: settings.brotliLevel,
    },
    zstd: {
      isOn: settings.zstd,
      types: settings.zstdTypes,
      minLengthBytes: settings.zstdMinLengthBytes,
      level: settings.zstdLevel,
    },
    gunzip,
    varies,
    proxied,
    minorVersion: settings.gzipHttpVersion === "1.0" ? 0 : 1,
    disable,
  };
}
