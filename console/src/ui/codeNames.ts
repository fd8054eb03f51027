import { type Extension, Prec, StateEffect, StateField } from "@codemirror/state";
import {
  Decoration,
  type EditorView,
  keymap,
  MatchDecorator,
  showTooltip,
  type Tooltip,
  ViewPlugin,
  type ViewUpdate,
} from "@codemirror/view";

/** Underlines `{{name}}` where the name is unknown. */
export function markUnknown(unknown: (text: string) => string[]): Extension {
  const decorator = new MatchDecorator({
    regexp: /\{\{[^{}\n]*\}\}/g,
    decoration: ([text]) => (unknown(text).length ? Decoration.mark({ class: "cm-unknown" }) : null),
  });
  return ViewPlugin.define(
    (view) => ({
      marks: decorator.createDeco(view),
      update(update: ViewUpdate) {
        this.marks = decorator.updateDeco(update, this.marks);
      },
    }),
    { decorations: (plugin) => plugin.marks },
  );
}

interface Offer {
  from: number;
  names: string[];
  at: number;
}

const move = StateEffect.define<number | null>();

/** Offers names while one is typed after `{{`: arrows choose, Enter or Tab takes it, Escape puts the list away. */
export function offerNames(names: () => string[]): Extension {
  const offers = StateField.define<Offer | null>({
    create: () => null,
    update: (old, transaction) => {
      for (const effect of transaction.effects) {
        if (effect.is(move)) return old && effect.value !== null ? { ...old, at: effect.value } : null;
      }
      if (!transaction.docChanged) return transaction.selection ? null : old;
      if (!transaction.isUserEvent("input") && !transaction.isUserEvent("delete")) return null;
      const { head } = transaction.state.selection.main;
      const line = transaction.state.doc.lineAt(head);
      const typed = /\{\{\s*([$\p{L}\p{N}_.-]*)$/u.exec(line.text.slice(0, head - line.from))?.[1];
      if (typed === undefined) return null;
      const like = names().filter((name) => name.toLowerCase().includes(typed.toLowerCase()) && name !== typed);
      return like.length ? { from: head - typed.length, names: like.slice(0, 10), at: 0 } : null;
    },
    provide: (field) => showTooltip.computeN([field], (state) => [tooltip(state.field(field))]),
  });
  const take = (view: EditorView, at?: number): boolean => {
    const offer = view.state.field(offers);
    if (!offer) return false;
    const { head } = view.state.selection.main;
    const closed = view.state.sliceDoc(head, head + 2) === "}}";
    const insert = `${offer.names[at ?? offer.at]}${closed ? "" : "}}"}`;
    const anchor = offer.from + insert.length + (closed ? 2 : 0);
    view.dispatch({ changes: { from: offer.from, to: head, insert }, selection: { anchor } });
    view.focus();
    return true;
  };
  const go = (view: EditorView, by: number): boolean => {
    const offer = view.state.field(offers);
    if (!offer) return false;
    view.dispatch({ effects: move.of((offer.at + by + offer.names.length) % offer.names.length) });
    return true;
  };
  const tooltip = (offer: Offer | null): Tooltip | null =>
    offer && {
      pos: offer.from,
      create: (view) => {
        const dom = document.createElement("ul");
        dom.className = "cm-names";
        dom.setAttribute("role", "listbox");
        for (const [index, name] of offer.names.entries()) {
          const item = document.createElement("li");
          item.textContent = name;
          item.setAttribute("role", "option");
          item.setAttribute("aria-selected", String(index === offer.at));
          item.onmousedown = (event) => {
            event.preventDefault();
            take(view, index);
          };
          dom.append(item);
        }
        return { dom };
      },
    };
  const away = (view: EditorView): boolean => {
    if (!view.state.field(offers)) return false;
    view.dispatch({ effects: move.of(null) });
    return true;
  };
  return [
    offers,
    Prec.highest(
      keymap.of([
        { key: "ArrowDown", run: (view) => go(view, 1) },
        { key: "ArrowUp", run: (view) => go(view, -1) },
        { key: "Enter", run: (view) => take(view) },
        { key: "Tab", run: (view) => take(view) },
        { key: "Escape", run: away },
      ]),
    ),
  ];
}
