/** Calls `task` when everything else that is due in this turn of the event loop has run. */
export const nextTurn: (task: () => void) => void =
  globalThis.setImmediate ?? ((task) => setTimeout(task, 0));
