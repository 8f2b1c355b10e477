// Known S3 providers: what their endpoint looks like, which style they speak. A preset only fills fields; nothing of it is stored.

export interface Provider {
  id: string;
  /** `{region}` follows the region field; empty: only the person knows it. */
  endpoint: string;
  placeholder: string;
  region: string;
  pathStyle: boolean;
  hosts: RegExp | null;
}

const one = (id: string, endpoint: string, region: string, pathStyle: boolean, hosts: RegExp | null = null, placeholder = endpoint): Provider =>
  ({ id, endpoint, placeholder, region, pathStyle, hosts });

export const providers: Provider[] = [
  one("aws", "https://s3.{region}.amazonaws.com", "us-east-1", false, /(^|\.)amazonaws\.com(\.cn)?$/),
  one("r2", "", "auto", true, /\.r2\.cloudflarestorage\.com$/, "https://ACCOUNT.r2.cloudflarestorage.com"),
  one("oss", "https://s3.oss-{region}.aliyuncs.com", "cn-hangzhou", false, /\.aliyuncs\.com$/),
  one("cos", "https://cos.{region}.myqcloud.com", "ap-shanghai", false, /\.myqcloud\.com$/),
  one("b2", "https://s3.{region}.backblazeb2.com", "us-west-004", false, /\.backblazeb2\.com$/),
  one("wasabi", "https://s3.{region}.wasabisys.com", "us-east-1", false, /(^|\.)wasabisys\.com$/),
  one("spaces", "https://{region}.digitaloceanspaces.com", "nyc3", false, /(^|\.)digitaloceanspaces\.com$/),
  one("minio", "", "us-east-1", true, null, "http://127.0.0.1:9000"),
  one("ceph", "", "us-east-1", true, null, "https://rgw.example"),
  one("garage", "", "garage", true, null, "http://127.0.0.1:3900"),
  one("other", "", "us-east-1", true, null, "https://s3.example"),
];

export const byId = (id: string): Provider => providers.find((provider) => provider.id === id) ?? providers.at(-1)!;

/** The endpoint of that provider in that region. */
export const endpointOf = (provider: Provider, region: string): string => provider.endpoint.replace("{region}", region);

/** Whose endpoint it is, as far as the host tells. */
export function recognise(endpoint: string): Provider {
  let host: string;
  try {
    host = new URL(endpoint).hostname;
  } catch {
    return byId("other");
  }
  return providers.find(({ hosts }) => hosts?.test(host)) ?? byId("other");
}

/** Whether a bucket can only stand in the path: no name can be put before an IP address, `localhost` or a name without dots. */
export function pathOnly(endpoint: string): boolean {
  try {
    const host = new URL(endpoint).hostname.replace(/\.$/, "");
    return host !== "" && (!host.includes(".") || host.endsWith(".localhost") || /^[\d.]+$/.test(host));
  } catch {
    return false;
  }
}
