const STORE = "drafts";

function open(): Promise<IDBDatabase> {
  return new Promise((resolve, reject) => {
    const request = indexedDB.open("rounds", 1);
    request.onupgradeneeded = () => request.result.createObjectStore(STORE);
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}

async function ask<T>(mode: IDBTransactionMode, act: (store: IDBObjectStore) => IDBRequest<T>): Promise<T> {
  const database = await open();
  try {
    return await new Promise((resolve, reject) => {
      const request = act(database.transaction(STORE, mode).objectStore(STORE));
      request.onsuccess = () => resolve(request.result);
      request.onerror = () => reject(request.error);
    });
  } finally {
    database.close();
  }
}

/** An unsaved text under a key, with the time it was kept. */
export interface Draft {
  text: string;
  at: string;
}

export function readDraft(key: string): Promise<Draft | undefined> {
  return ask("readonly", (store) => store.get(key) as IDBRequest<Draft | undefined>);
}

export async function keepDraft(key: string, text: string): Promise<void> {
  await ask("readwrite", (store) => store.put({ text, at: new Date().toISOString() } satisfies Draft, key));
}

export async function dropDraft(key: string): Promise<void> {
  await ask("readwrite", (store) => store.delete(key));
}

/** At log-out: none stays on this browser. */
export async function forgetDrafts(): Promise<void> {
  await ask("readwrite", (store) => store.clear());
}
