// SPDX-License-Identifier: BSL-1.0
// Numbers for people: thousands separators, units, as many digits as one can read at a glance.
export const missing = "–";

/** A number, or null for whatever else a server may have sent. */
export const finite = (value) =>
  typeof value === "number" && Number.isFinite(value) ? value : null;

const with_digits = [0, 1, 2].map((digits) =>
  new Intl.NumberFormat("en", {maximumFractionDigits: digits}));

const digits_for = (value) => (Math.abs(value) >= 100 ? 0 : Math.abs(value) >= 10 ? 1 : 2);

function scaled(value, step, units, from = 0) {
  let unit = from;
  while (unit + 1 < units.length && Math.abs(value) >= step * 0.9995) {
    value /= step;
    ++unit;
  }
  return `${with_digits[unit ? digits_for(value) : 0].format(value)} ${units[unit]}`;
}

const or_missing = (text) => (value) => (finite(value) === null ? missing : text(value));

/** 1,234,567 */
export const count = or_missing((value) => with_digits[0].format(value));

/** 1,234 /s; fractions only of small rates. */
export const per_second = or_missing((value) =>
  `${with_digits[Math.abs(value) < 10 ? 1 : 0].format(value)} /s`);

/** 1.5 MiB */
export const bytes = or_missing((value) =>
  scaled(value, 1024, ["B", "KiB", "MiB", "GiB", "TiB", "PiB"]));

/** 1.5 MiB/s */
export const bytes_per_second = or_missing((value) => `${bytes(value)}/s`);

/** 250 µs, 1.5 ms, 2 s */
export const seconds = or_missing((value) =>
  value === 0 ? "0 s"
    : Math.abs(value) >= 1 ? `${with_digits[digits_for(value)].format(value)} s`
      : scaled(value * 1e6, 1000, ["µs", "ms", "s"]));

/** 0.5 -> 50 % */
export const share = or_missing((value) =>
  `${with_digits[value < 0.1 ? 1 : 0].format(value * 100)} %`);

/** 3 d 4 h, 4 h 5 min, 5 min 6 s, 6 s */
export const duration = or_missing((value) => {
  const whole = Math.max(0, Math.floor(value));
  const parts = [[86400, "d"], [3600, "h"], [60, "min"], [1, "s"]];
  const first = parts.findIndex(([size]) => whole >= size);
  if (first < 0) return "0 s";
  const [[size, unit], [next_size, next_unit] = [1]] = parts.slice(first);
  const rest = Math.floor((whole % size) / next_size);
  return `${count(Math.floor(whole / size))} ${unit}${rest ? ` ${rest} ${next_unit}` : ""}`;
});
