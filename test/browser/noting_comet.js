// SPDX-License-Identifier: BSL-1.0
/** Makes a client that notes all its events in comet.seen, each as [name, detail]. */
globalThis.begin = async (options) => {
  const {Comet} = await import("/comet.js");
  const comet = globalThis.comet = new Comet("/", options);
  comet.seen = [];
  for (const name of ["message", "open", "gap", "close", "refused", "present", "join", "leave",
                      "state"]) {
    comet.addEventListener(name, ({detail}) => comet.seen.push([name, detail]));
  }
  comet.of = (wanted) => comet.seen.filter(([name]) => name === wanted).map(([, detail]) => detail);
  comet.contents = () => comet.of("message").map(({content}) => content);
};
