/** Version of Finch that stands at the head of generated files; the same as in package.json. */
export const version = "0.1.0";
