import { beforeEach, describe, expect, it } from "vitest";
import { bytes, percent, share } from "@/figures";
import { speak } from "@/i18n";
import { cut } from "@/parts/cut";
import { destinations } from "@/fake/scenes";
import { changed, draftOf, fresh } from "@/windows/settings/drafts";
import { endpointOf, providers, recognise } from "@/windows/settings/providers";
// @ts-expect-error a script without types
import { problems } from "../scripts/check-locales.mjs";

beforeEach(() => speak("en"));

describe("words", () => {
  it("are there in both languages, with the same values, and none stands in the code", () => expect(problems()).toEqual([]));
});

describe("figures", () => {
  it("name their unit once, in that of the whole", () => {
    expect(bytes(83_000)).toBe("83 kB");
    expect(share(400_000, 900_000)).toBe("400 of 900 kB");
    expect(share(2_100_000, 3_300_000)).toBe("2.1 of 3.3 MB");
  });
  it("say 100 % only when the last byte has gone", () => {
    expect(percent(999, 1000)).toBe(99);
    expect(percent(1000, 1000)).toBe(100);
    expect(percent(0, 0)).toBe(0);
  });
});

describe("a long name", () => {
  const measure = (text: string) => Array.from(text).length;
  it("keeps its end and loses its middle", () => expect(cut("checkout-empty-state-9f3a1c7e.png", 20, measure)).toBe("checkout-e…a1c7e.png"));
  it("stays whole where there is room", () => expect(cut("登录页.png", 20, measure)).toBe("登录页.png"));
});

describe("providers", () => {
  it("are recognised by the endpoint they fill in", () => {
    for (const provider of providers.filter(({ hosts, endpoint }) => hosts && endpoint)) expect(recognise(endpointOf(provider, provider.region)).id).toBe(provider.id);
    expect(recognise("https://4f1c.r2.cloudflarestorage.com").id).toBe("r2");
  });
  it("are not taken for another by a name inside a host", () => {
    expect(recognise("https://amazonaws.com.evil.example").id).toBe("other");
    expect(recognise("not an address").id).toBe("other");
  });
});

describe("a draft", () => {
  it("counts as changed only by what would be saved", () => {
    const saved = destinations(false)[0]!;
    const draft = draftOf(saved);
    expect(changed(draft, saved)).toBe(false);
    draft.destination.max_bytes = null;
    expect(changed(draft, saved)).toBe(false);
    draft.destination.folder = "";
    expect(changed(draft, saved)).toBe(true);
    expect(changed({ ...draftOf(saved), secret: "s" }, saved)).toBe(true);
  });
  it("of a new destination begins with what the preset knows, and is worth saving", () => {
    const draft = draftOf(fresh("aws"), "aws");
    expect(draft.destination).toMatchObject({ endpoint: "https://s3.us-east-1.amazonaws.com", path_style: false });
    expect(changed(draft, undefined)).toBe(true);
  });
});
