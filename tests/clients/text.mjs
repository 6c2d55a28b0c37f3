// A value as text that tells its type: maps, sets, buffers and numbers that JSON has not.
export const text = value => JSON.stringify(value, (key, v) => {
    if (v instanceof Error) { return `${v.constructor.name}: ${v.message}`; }
    if (v instanceof Map) { return { map: [...v].sort() }; }
    if (v instanceof Set) { return { set: [...v].sort() }; }
    if (typeof v === 'bigint' || v === Infinity || v === -Infinity) { return `number ${v}`; }
    if (v !== null && typeof v === 'object' && !Array.isArray(v)) { return Object.fromEntries(Object.entries(v).sort()); }
    return v;
});
