// Names that read as what they are.

/** Marks that hide or turn writing around: `gnp.exe` must not be read from the right. */
const HIDDEN = /[\p{Cc}\u200b\u200e\u200f\u202a-\u202e\u2028\u2029\u2060-\u2069\ufeff]/gu;

/** The name with a sign in the place of each mark that nobody sees. */
export const plain = (text: string): string => text.replace(HIDDEN, "\ufffd");
