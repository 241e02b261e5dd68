// In which order the table's periods stand.

const { compare } = new Intl.Collator("en");

const keys = {
  medication: (one, other) => compare(one.medication, other.medication),
  start: (one, other) => one.start - other.start,
  end: (one, other) => whole(one.end) - whole(other.end),
  duration: (one, other) => whole(one.end) - one.start - (whole(other.end) - other.start),
};

// What goes on ends behind all else, and is not infinite: differences of those are no numbers.
const whole = (end) => end ?? Number.MAX_SAFE_INTEGER;

/** Sort periods by a column, descending or not; equals stay in the order of the service. */
export function sorted(periods, { by, isDescending }) {
  const order = keys[by];
  return periods.toSorted(isDescending ? (one, other) => order(other, one) : order);
}

/** What a click on a column's heading asks for: that order, or the other way round. */
export function turned({ by, isDescending }, column) {
  return { by: column, isDescending: by === column && !isDescending };
}
