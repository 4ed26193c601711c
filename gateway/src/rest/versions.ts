/** Version of the v1 contract: additive changes raise the middle number, corrections the last. */
export const API_VERSION = '1.0.0';
