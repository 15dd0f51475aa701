export { validTckn } from '@kapi/contract';
