/** What was asked of plugins, and what they gave, on disk: DEL must say the same again, also after the agent has started anew. */
import type { PodIdentity } from '../contract.ts';
import { openKeptFiles, type KeptFiles } from '../kept-files.ts';
import { podNames } from '../names.ts';
import type { Attachment, PluginResult } from './chain.ts';

export interface Kept {
  readonly pod: PodIdentity;
  readonly attachment: Attachment;
  /** Missing while ADD is under way, and after one that was cut off. */
  readonly result?: PluginResult;
}

export type Attachments = KeptFiles<Kept>;

/**
 * The name of a pod's namespace: `pwc-1a2b3c4d`, as our own network, which may be one of the plugins, takes every `pw-…` without a link of its
 * own for a half. A pod that an older agent made keeps the name it has.
 */
export function netnsOf(attachments: Attachments, pod: Pick<PodIdentity, 'uid' | 'attempt'>): string {
  const { netns } = podNames(pod);
  return attachments.get(netns) === undefined ? netns.replace(/^pw/, 'pwc') : netns;
}

/** See {@link openKeptFiles}. */
export function openAttachments(folder: string, onBroken: (path: string) => void): Promise<Attachments> {
  return openKeptFiles(folder, onBroken);
}
