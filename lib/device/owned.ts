/** A resource that can be given back. */
interface Disposable {
  dispose(): void;
}

const collected = new FinalizationRegistry<Set<Disposable>>(giveBack);

function giveBack(resources: Set<Disposable>): void {
  for (const resource of [...resources].reverse()) resource.dispose();
  resources.clear();
}

/** Resources made for one object alone, which end with it: when that object says so, or when it is collected. */
export class Owned {
  readonly #resources = new Set<Disposable>();

  constructor(owner: object) {
    collected.register(owner, this.#resources);
  }

  add<Resource extends Disposable>(resource: Resource): Resource {
    this.#resources.add(resource);
    return resource;
  }

  /** Disposes of everything, latest first. */
  dispose(): void {
    giveBack(this.#resources);
  }
}
