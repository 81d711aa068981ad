// Where the studio's own routes are.

/** Path of one of them. This file lies beside them, so a proxy's prefix is in its own address. */
export const address = (path, here = import.meta.url) => new URL(`../${path}`, here).pathname;
