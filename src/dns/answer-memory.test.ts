import assert from 'node:assert/strict';
import { test } from 'node:test';
import { AnswerMemory } from './answer-memory.ts';
import { ChangeStamps } from './change-stamps.ts';

function memory(): { memory: AnswerMemory; stamps: ChangeStamps; world: { epoch: number } } {
  const stamps = new ChangeStamps();
  const world = { epoch: 1 };
  const freshness = {
    epoch: () => world.epoch,
    slotOf: (service: string | undefined) => stamps.slotOf(service),
    stamp: (slot: number) => stamps.stamp(slot),
  };
  return { memory: new AnswerMemory(freshness), stamps, world };
}

const answer = { messages: [Buffer.from('answer')], rcode: 0, type: 1 };

test('an answer is remembered until its own Service changes, one that is about none until any does', () => {
  const { memory: answers, stamps } = memory();
  answers.put('web', 'shop/web', answer);
  answers.put('pod', undefined, answer);
  stamps.touch('shop/db');
  assert.equal(answers.get('web')?.messages, answer.messages);
  assert.equal(answers.get('pod'), undefined);
  stamps.touch('shop/web');
  assert.equal(answers.get('web'), undefined);
});

test('a new epoch empties it', () => {
  const { memory: answers, world } = memory();
  answers.put('web', 'shop/web', answer);
  world.epoch += 1;
  assert.equal(answers.get('web'), undefined);
});

test('it is bounded, and what is asked for now and then stays', () => {
  const { memory: answers } = memory();
  answers.put('often', 'shop/web', answer);
  answers.put('once', 'shop/web', answer);
  for (let index = 0; index < 100_000; index += 1) {
    answers.put(`name${index}`, 'shop/web', answer);
    if (index % 10_000 === 0) assert.ok(answers.get('often'), `after ${index}`);
  }
  assert.equal(answers.get('once'), undefined);
});
