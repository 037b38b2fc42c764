/**
 * The media types that are known where no `types` are set: what the web is made of.
 *
 * @module
 */

const BY_TYPE: Readonly<Record<string, string>> = {
  "application/atom+xml": "atom",
  "application/gzip": "gz",
  "application/javascript": "js mjs",
  "application/json": "json map",
  "application/manifest+json": "webmanifest",
  "application/octet-stream": "bin exe dll deb dmg iso img msi msp msm",
  "application/pdf": "pdf",
  "application/rss+xml": "rss",
  "application/vnd.ms-fontobject": "eot",
  "application/wasm": "wasm",
  "application/x-tar": "tar",
  "application/xhtml+xml": "xhtml",
  "application/zip": "zip",
  "audio/mpeg": "mp3",
  "audio/ogg": "ogg",
  "audio/x-m4a": "m4a",
  "font/otf": "otf",
  "font/ttf": "ttf",
  "font/woff": "woff",
  "font/woff2": "woff2",
  "image/avif": "avif",
  "image/bmp": "bmp",
  "image/gif": "gif",
  "image/jpeg": "jpeg jpg",
  "image/png": "png",
  "image/svg+xml": "svg svgz",
  "image/tiff": "tif tiff",
  "image/webp": "webp",
  "image/x-icon": "ico",
  "text/css": "css",
  "text/csv": "csv",
  "text/html": "html htm shtml",
  "text/markdown": "md",
  "text/plain": "txt",
  "text/xml": "xml",
  "video/mp4": "mp4",
  "video/mpeg": "mpeg mpg",
  "video/quicktime": "mov",
  "video/webm": "webm",
  "video/x-msvideo": "avi",
};

/** By ending. */
export const MEDIA_TYPES: ReadonlyMap<string, string> = new Map(
  Object.entries(BY_TYPE).flatMap(([type, endings]) =>
    endings.split(" ").map((ending) => [ending, type] as const)
  ),
);
