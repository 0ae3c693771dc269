/** Colours of figures on light and on dark paper; text and marks are told apart by shape and words as well. */
export interface Theme {
  readonly paper: string;
  readonly panel: string;
  readonly text: string;
  readonly muted: string;
  readonly line: string;
  readonly bar: string;
  readonly peak: string;
  readonly kinds: Readonly<Record<LayerKind, string>>;
}

export const layerKinds = ["conv", "depthwise", "attention", "linear", "pool", "other"] as const;
export type LayerKind = (typeof layerKinds)[number];

/** After Okabe and Ito's palette, which is told apart with any colour vision; each at least 3:1 against the paper. */
export const themes = {
  light: {
    paper: "#ffffff",
    panel: "#f3f5f8",
    text: "#1b1f24",
    muted: "#57606a",
    line: "#6e7781",
    bar: "#4a7ebb",
    peak: "#c0440c",
    kinds: {
      conv: "#0072b2",
      depthwise: "#007f5f",
      attention: "#c0440c",
      linear: "#9a4a86",
      pool: "#8a6500",
      other: "#57606a",
    },
  },
  dark: {
    paper: "#0d1117",
    panel: "#161d27",
    text: "#e6edf3",
    muted: "#9da7b3",
    line: "#7d8793",
    bar: "#5a93d1",
    peak: "#f28c4b",
    kinds: {
      conv: "#56b4e9",
      depthwise: "#2bc29a",
      attention: "#f28c4b",
      linear: "#dd9ec6",
      pool: "#e6b93c",
      other: "#9da7b3",
    },
  },
} as const satisfies Record<string, Theme>;

/** Style of a figure whose root has class `root`: light, and dark where the reader's screen is; paper is printed light. */
export function figureStyle(root: string): string {
  const rules = ({ paper, panel, text, muted, line, bar, peak, kinds }: Theme): string =>
    [
      `.${root} .paper{fill:${paper}}`,
      `.${root} .panel{fill:${panel}}`,
      `.${root} text{fill:${text}}`,
      `.${root} text.muted{fill:${muted}}`,
      `.${root} text.strong{fill:${peak}}`,
      `.${root} .line{stroke:${line};fill:none}`,
      `.${root} .bar{fill:${bar}}`,
      `.${root} .peak{fill:${peak}}`,
      ...layerKinds.map((kind) => `.${root} .${kind}{fill:${kinds[kind]}}`),
    ].join("");
  const font = `.${root} text{font-family:system-ui,-apple-system,"Segoe UI",Roboto,"DejaVu Sans",sans-serif;font-variant-numeric:tabular-nums}`;
  return `<style>${font}${rules(themes.light)}@media screen and (prefers-color-scheme:dark){${rules(themes.dark)}}</style>`;
}
