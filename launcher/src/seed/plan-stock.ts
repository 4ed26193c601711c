import { newId } from '@bridgework/kernel/ids';
import type { Chance } from './chance.ts';
import type { ItemData, MaterialData, VisitData } from './clinic-data.ts';
import { GOODS, MAKES } from './names.ts';

export function planItems(chance: Chance, count: number): ItemData[] {
  const kinds = MAKES.flatMap((make) => GOODS.map((good, number) => ({ good, make, number: number + 1 })));
  return kinds.slice(0, count).map(({ good: [name, unit, riyals], make, number }) => ({
    id: newId('itm'),
    sku: `SKU-${String(number).padStart(3, '0')}-${make}`,
    name: `${name} (${make})`,
    unit,
    reorder_point: chance.between(10, 30),
    unit_cost_minor: riyals * 100,
    opening: chance.between(60, 260),
  }));
}

/** Takes one to three items at each finished visit, as long as the shelf has them. */
export function planMaterials(
  chance: Chance,
  visits: readonly VisitData[],
  items: readonly ItemData[],
): MaterialData[] {
  const onHand = new Map(items.map((item) => [item.id, item.opening]));
  return visits
    .filter((visit) => visit.isCompleted)
    .flatMap((visit) =>
      Array.from({ length: chance.between(1, 3) }, () => ({ item: chance.pick(items), quantity: chance.between(1, 2) }))
        .filter(({ item, quantity }) => {
          const left = (onHand.get(item.id) ?? 0) - quantity;
          if (left < 0) return false;
          onHand.set(item.id, left);
          return true;
        })
        .map(({ item, quantity }) => ({
          visit_id: visit.id,
          item_id: item.id,
          quantity,
          used_at: visit.appointment.ends_at,
        })),
    );
}
